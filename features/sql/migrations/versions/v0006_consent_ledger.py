"""The ledger of consents takes the place of the first table of consents, and all that stood in it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the schema one step on."""
    op.create_table(
        "consent_entries",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("entry_id", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("channel", sa.String(length=200), nullable=False),
        sa.Column("system", sa.String(length=200), nullable=False),
        sa.Column("form", sa.String(length=200), nullable=False),
        sa.Column("operator", sa.String(length=200), nullable=False),
        sa.Column("notice_version", sa.String(length=200), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("jurisdiction", sa.String(length=200), nullable=False),
        sa.Column("raw_signal", sa.Text(), nullable=False),
        sa.Column("imported", sa.Boolean(), nullable=False),
        sa.Column("vouched", sa.Boolean(), nullable=False),
        sa.Column("guardian", sa.Boolean(), nullable=False),
        sa.Column("occurred_at", sa.String(length=32), nullable=False),
        sa.Column("received_at", sa.String(length=32), nullable=False),
        sa.Column("expires_at", sa.String(length=32), nullable=True),
        sa.Column("change_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_entries")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_consent_entries_entry_id")),
    )
    op.execute(
        """
        INSERT INTO consent_entries (
            entry_id, kind, value, purpose, topic, state, channel, system, form, operator, notice_version, proof,
            jurisdiction, raw_signal, imported, vouched, guardian, occurred_at, received_at, change_number
        )
        SELECT 'first:' || id, 'user_id', user_id, purpose, '', CASE WHEN granted THEN 'granted' ELSE 'withdrawn' END,
            '', source, '', '', notice_version, '', '', '', FALSE, TRUE, FALSE, occurred_at, received_at, change_number
        FROM consents ORDER BY id
        """
    )
    op.create_index(op.f("ix_consent_entries_change_number"), "consent_entries", ["change_number"], unique=False)
    op.create_index(op.f("ix_consent_entries_kind_value"), "consent_entries", ["kind", "value"], unique=False)
    op.drop_table("consents")
