"""Keys: what they are bound to, their limit, whose place they took, when they were last used."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the schema one step on."""
    op.add_column("keys", sa.Column("origins", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("keys", sa.Column("apps", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("keys", sa.Column("per_minute", sa.Integer(), nullable=True))
    op.add_column("keys", sa.Column("replaces", sa.String(length=40), nullable=True))
    op.add_column("keys", sa.Column("last_used_at", sa.String(length=32), nullable=True))
