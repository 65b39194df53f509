"""Codes that many may use, and who made each entry of the ledger; of those before nobody is known."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the schema one step on."""
    op.create_table(
        "shared_codes",
        sa.Column("code_digest", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("campaign_id", sa.String(length=100), nullable=False),
        sa.Column("most_discount", sa.BigInteger(), nullable=False),
        sa.Column("stores", sa.JSON(), nullable=False),
        sa.Column("valid_from", sa.String(length=32), nullable=False),
        sa.Column("valid_until", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["allowances.campaign_id"], name=op.f("fk_shared_codes_campaign_id_allowances")
        ),
        sa.PrimaryKeyConstraint("code_digest", name=op.f("pk_shared_codes")),
        sa.UniqueConstraint("campaign_id", name=op.f("uq_shared_codes_campaign_id")),
    )
    op.add_column("coupons", sa.Column("shared", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("ledger_entries", _key("actor"))
    op.add_column("reservations", _key("made_by"))
    op.add_column("reservations", _key("ended_by"))


def _key(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.String(length=100), nullable=False, server_default="")
