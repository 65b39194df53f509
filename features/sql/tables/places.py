"""Where the shop sells: stores, their zones, and the beacons in them."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Index, String, Table, Text

from features.sql.tables.base import metadata

STORE_ID, PLACE_ID = String(100), String(100)

# Of what is deleted the row stays, so that every worker hears of it.
stores = Table(
    "stores",
    metadata,
    Column("store_id", STORE_ID, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("timezone", String(60), nullable=False),
    Column("market", String(60), nullable=False),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("opening_hours", JSON(none_as_null=True)),
    Column("deleted", Boolean, nullable=False, default=False),
    Column("change_number", BigInteger, nullable=False),
    Index(None, "change_number"),
)

zones = Table(
    "zones",
    metadata,
    Column("zone_id", PLACE_ID, primary_key=True),
    Column("store_id", STORE_ID, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("name", String(200), nullable=False),
    Column("sensitive", Boolean, nullable=False),
    Column("neighbours", JSON, nullable=False),  # zone ids
    # JSON: [category, weight, valid from, valid until]. As text, because many stores say the same of an aisle, so that
    # each text is read once.
    Column("categories", Text, nullable=False),
    Column("deleted", Boolean, nullable=False, default=False),
    Column("change_number", BigInteger, nullable=False),
    Index(None, "change_number"),
    Index(None, "store_id"),
)

beacons = Table(
    "beacons",
    metadata,
    Column("beacon_id", PLACE_ID, primary_key=True),
    Column("key", String(100), unique=True),  # null: deleted, so that another may send the same
    Column("zone_id", PLACE_ID),  # of the latest assignment
    Column("enrolment", JSON(none_as_null=True)),  # of Eddystone-EID: [exponent, counter began at, sealed key]
    Column("assignments", JSON, nullable=False),  # [since, zone id or null], ascending
    Column("deleted", Boolean, nullable=False, default=False),
    Column("change_number", BigInteger, nullable=False),
    Index(None, "change_number"),
    Index(None, "zone_id"),
)
