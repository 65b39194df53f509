"""What a shopper has used of all campaigns is found at once."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the schema one step on."""
    op.create_index("ix_ledger_accounts_member", "ledger_accounts", ["member"])
