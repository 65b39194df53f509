"""How beacons with rotating identifiers are set up; those that there are have none."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the schema one step on."""
    op.add_column("beacons", sa.Column("enrolment", sa.JSON(none_as_null=True), nullable=True))
