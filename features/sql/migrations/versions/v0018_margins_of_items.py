"""How much of the price of an item stays with the shop."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the schema one step on."""
    for table in ("items", "staged_items"):
        op.add_column(table, sa.Column("margin", sa.Float(), nullable=True))
