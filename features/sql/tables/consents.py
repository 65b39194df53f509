"""What people allowed."""

from sqlalchemy import BigInteger, Boolean, Column, Identity, Index, String, Table, Text, UniqueConstraint

from features.sql.tables.base import BigKey, metadata

# Append-only; recommender/consent.py says what each column means, and what the entries of a person come to.
consent_entries = Table(
    "consent_entries",
    metadata,
    Column("id", BigKey, Identity(), primary_key=True),
    Column("entry_id", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("value", String(200), nullable=False),
    Column("purpose", String(40), nullable=False),
    Column("topic", String(200), nullable=False),  # "": the whole purpose
    Column("state", String(10), nullable=False),
    Column("channel", String(200), nullable=False),
    Column("system", String(200), nullable=False),
    Column("form", String(200), nullable=False),
    Column("operator", String(200), nullable=False),
    Column("notice_version", String(200), nullable=False),
    Column("proof", Text, nullable=False),
    Column("jurisdiction", String(200), nullable=False),
    Column("raw_signal", Text, nullable=False),
    Column("imported", Boolean, nullable=False),
    Column("vouched", Boolean, nullable=False),
    Column("guardian", Boolean, nullable=False),
    Column("occurred_at", String(32), nullable=False),  # RFC 3339, UTC; so are the others
    Column("received_at", String(32), nullable=False),
    Column("expires_at", String(32)),
    Column("change_number", BigInteger, nullable=False),
    UniqueConstraint("entry_id"),
    Index(None, "kind", "value"),
    Index(None, "change_number"),
)
