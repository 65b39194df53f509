"""The switch that stops all campaigns at once; nothing is stopped by this step."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the schema one step on."""
    op.create_table(
        "halts",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("halted_at", sa.String(length=32), nullable=False),
        sa.Column("halted_by", sa.String(length=100), nullable=False),
        sa.Column("lifted_at", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_halts")),
    )
    op.add_column("allowances", sa.Column("halted", sa.Boolean(), nullable=False, server_default=sa.false()))
