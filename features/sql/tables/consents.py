"""What people allowed."""

from sqlalchemy import BigInteger, Boolean, Column, Identity, Index, String, Table

from features.sql.tables.base import BigKey, metadata

# Append-only; the current state of (user_id, purpose) is its newest row by (occurred_at, id).
consents = Table(
    "consents",
    metadata,
    Column("id", BigKey, Identity(), primary_key=True),
    Column("user_id", String(200), nullable=False),
    Column("purpose", String(40), nullable=False),
    Column("granted", Boolean, nullable=False),
    Column("source", String(100), nullable=False),
    Column("notice_version", String(40), nullable=False),
    Column("occurred_at", String(32), nullable=False),  # RFC 3339, UTC
    Column("received_at", String(32), nullable=False),
    Column("change_number", BigInteger, nullable=False),
    Index(None, "user_id", "purpose"),
    Index(None, "change_number"),
)
