"""Who changed what."""

from sqlalchemy import BigInteger, Column, Identity, Index, String, Table, Text

from features.sql.tables.base import BigKey, metadata

# Append-only. The number is given when an entry is written, the sequence when it is sealed: what commits late, or
# never, leaves gaps in the former and none in the latter.
audit_entries = Table(
    "audit_entries",
    metadata,
    Column("audit_number", BigKey, Identity(), primary_key=True),
    Column("made_at", String(32), nullable=False),  # RFC 3339, UTC
    Column("actor", String(100), nullable=False),
    Column("action", String(100), nullable=False),
    Column("object_kind", String(100), nullable=False),
    Column("object_id", String(300)),
    Column("request_id", String(200)),
    Column("details", Text, nullable=False),  # JSON, byte for byte what the seal covers
    Column("sequence", BigInteger),  # null: not sealed yet
    Column("seal", String(64)),
    Index(None, "sequence", unique=True),
    Index(None, "made_at"),
)
