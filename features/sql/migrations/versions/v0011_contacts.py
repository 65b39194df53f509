"""Contacts of people over all channels, which caps that protect them are counted from."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the schema one step on."""
    op.create_table(
        "contacts",
        sa.Column("contact_id", sa.String(length=100), nullable=False),
        sa.Column("shopper", sa.String(length=32), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("campaign_id", sa.String(length=100), nullable=False),
        sa.Column("topic", sa.String(length=100), nullable=False),
        sa.Column("categories", sa.JSON(), nullable=False),
        sa.Column("coupon_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("feedback", sa.String(length=20), nullable=False),
        sa.Column("feedback_at", sa.String(length=32), nullable=True),
        sa.Column("made_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_contacts")),
    )
    op.create_index(op.f("ix_contacts_shopper_made_at"), "contacts", ["shopper", "made_at"], unique=False)
    op.create_index(op.f("ix_contacts_device_made_at"), "contacts", ["device", "made_at"], unique=False)
    op.create_index(op.f("ix_contacts_made_at"), "contacts", ["made_at"], unique=False)
