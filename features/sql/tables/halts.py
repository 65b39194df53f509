"""When all campaigns were stopped at once, and let go on."""

from sqlalchemy import Column, Integer, String, Table

from features.sql.tables.base import metadata

# The one that was not lifted, if there is one, is in force.
halts = Table(
    "halts",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("reason", String(500), nullable=False),
    Column("halted_at", String(32), nullable=False),  # RFC 3339, UTC; so is lifted_at
    Column("halted_by", String(100), nullable=False),  # the id of a key, or cli
    Column("lifted_at", String(32)),
)
