"""Whom we contacted when and what they said to it: what caps that protect a person are counted from."""

from sqlalchemy import JSON, Column, Index, String, Table

from features.sql.tables.base import metadata

DIGEST, INSTANT = String(32), String(32)  # keyed digest as in tables/ledger.py; RFC 3339, UTC, microseconds

contacts = Table(
    "contacts",
    metadata,
    Column("contact_id", String(100), primary_key=True),  # the offer's id, or the message's
    Column("shopper", DIGEST, nullable=False),
    Column("device", DIGEST, nullable=False),  # "": none
    Column("channel", String(20), nullable=False),
    Column("campaign_id", String(100), nullable=False),
    Column("topic", String(100), nullable=False),
    Column("categories", JSON, nullable=False),
    Column("coupon_id", String(40), nullable=False),  # "": none
    Column("state", String(10), nullable=False),  # counted; returned: it never reached anybody
    Column("feedback", String(20), nullable=False),  # "": none yet
    Column("feedback_at", INSTANT),
    Column("made_at", INSTANT, nullable=False),
    Index(None, "shopper", "made_at"),
    Index(None, "device", "made_at"),
    Index(None, "made_at"),
)
