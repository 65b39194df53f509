"""What each message of a send shows, and what took the place of what was sold out when it was opened."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the schema one step on."""
    op.create_table(
        "email_specs",
        sa.Column("send_id", sa.String(length=200), nullable=False),
        sa.Column("block_id", sa.String(length=200), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("made_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("send_id", "block_id", name=op.f("pk_email_specs")),
    )
    op.create_index(op.f("ix_email_specs_made_at"), "email_specs", ["made_at"], unique=False)
    op.create_table(
        "email_blocks",
        sa.Column("block_ref", sa.String(length=32), nullable=False),
        sa.Column("send_id", sa.String(length=200), nullable=False),
        sa.Column("user_id", sa.String(length=200), nullable=False),
        sa.Column("block_id", sa.String(length=200), nullable=False),
        sa.Column("made_at", sa.String(length=32), nullable=False),
        sa.Column("personal", sa.Boolean(), nullable=False),
        sa.Column("chosen", sa.Text(), nullable=False),
        sa.Column("reply", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("block_ref", name=op.f("pk_email_blocks")),
    )
    op.create_index(op.f("ix_email_blocks_user_id_made_at"), "email_blocks", ["user_id", "made_at"], unique=False)
    op.create_index(op.f("ix_email_blocks_made_at"), "email_blocks", ["made_at"], unique=False)
    op.create_table(
        "email_swaps",
        sa.Column("block_ref", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.String(length=200), nullable=False),
        sa.Column("made_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("block_ref", "position", name=op.f("pk_email_swaps")),
        sa.UniqueConstraint("block_ref", "item_id", name=op.f("uq_email_swaps_block_ref_item_id")),
    )
    op.create_index(op.f("ix_email_swaps_made_at"), "email_swaps", ["made_at"], unique=False)
