"""Where stores are and when they are open, their zones, and the beacons in them."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the schema one step on; stores that there are say nothing of where they are."""
    op.add_column("stores", sa.Column("latitude", sa.Float(), nullable=True))
    op.add_column("stores", sa.Column("longitude", sa.Float(), nullable=True))
    op.add_column("stores", sa.Column("opening_hours", sa.JSON(), nullable=True))
    op.create_table(
        "zones",
        sa.Column("zone_id", sa.String(length=100), nullable=False),
        sa.Column("store_id", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("sensitive", sa.Boolean(), nullable=False),
        sa.Column("neighbours", sa.JSON(), nullable=False),
        sa.Column("categories", sa.Text(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("change_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("zone_id", name=op.f("pk_zones")),
    )
    op.create_index(op.f("ix_zones_change_number"), "zones", ["change_number"], unique=False)
    op.create_index(op.f("ix_zones_store_id"), "zones", ["store_id"], unique=False)
    op.create_table(
        "beacons",
        sa.Column("beacon_id", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=True),
        sa.Column("zone_id", sa.String(length=100), nullable=True),
        sa.Column("assignments", sa.JSON(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("change_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("beacon_id", name=op.f("pk_beacons")),
        sa.UniqueConstraint("key", name=op.f("uq_beacons_key")),
    )
    op.create_index(op.f("ix_beacons_change_number"), "beacons", ["change_number"], unique=False)
    op.create_index(op.f("ix_beacons_zone_id"), "beacons", ["zone_id"], unique=False)
