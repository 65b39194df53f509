"""What people want to hear."""

from sqlalchemy import BigInteger, Column, Identity, Index, String, Table, UniqueConstraint

from features.sql.tables.base import BigKey, metadata

# Append-only; recommender/preferences.py says what each column means, and what the entries of a person come to.
preference_entries = Table(
    "preference_entries",
    metadata,
    Column("id", BigKey, Identity(), primary_key=True),
    Column("entry_id", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("value", String(200), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("topic", String(200), nullable=False),
    Column("aspect", String(10), nullable=False),
    Column("setting", String(32), nullable=False),
    Column("source_channel", String(200), nullable=False),
    Column("system", String(200), nullable=False),
    Column("form", String(200), nullable=False),
    Column("operator", String(200), nullable=False),
    Column("occurred_at", String(32), nullable=False),  # RFC 3339, UTC
    Column("received_at", String(32), nullable=False),
    Column("change_number", BigInteger, nullable=False),
    UniqueConstraint("entry_id"),
    Index(None, "kind", "value"),
    Index(None, "change_number"),
)
