"""When a person last lost an identifier: what was learnt before may be another's."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the schema one step on."""
    op.add_column("identifiers", sa.Column("parted_number", sa.BigInteger(), nullable=False, server_default="0"))
