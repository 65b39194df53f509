"""The keys that callers show."""

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, String, Table

from features.sql.tables.base import metadata

# One row a key that was ever made; the key itself is nowhere.
keys = Table(
    "keys",
    metadata,
    Column("key_id", String(40), primary_key=True),
    Column("kind", String(2), nullable=False),  # pk, rk, sk
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256, hex
    Column("hint", String(20), nullable=False),
    Column("label", String(200), nullable=False),
    Column("scopes", JSON, nullable=False),  # of a restricted key
    Column("created_at", String(32), nullable=False),  # RFC 3339, UTC; so are the others
    Column("expires_at", String(32)),
    Column("revoked_at", String(32)),
    Column("origins", JSON, nullable=False, server_default="[]"),  # of a publishable key; so are the apps
    Column("apps", JSON, nullable=False, server_default="[]"),
    Column("per_minute", Integer),
    Column("replaces", String(40)),
    Column("last_used_at", String(32)),  # written without a new change number: nobody follows it
    Column("change_number", BigInteger, nullable=False),
    Index(None, "change_number"),
)
