"""Blocks of emails: what each message shows, decided once."""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from features.sql.tables.base import metadata

NAME, INSTANT, REF = String(200), String(32), String(32)  # an instant: RFC 3339, UTC, microseconds

# What each block of a send was asked to be; never changed.
email_specs = Table(
    "email_specs",
    metadata,
    Column("send_id", NAME, primary_key=True),
    Column("block_id", NAME, primary_key=True),
    Column("spec", Text, nullable=False),  # JSON
    Column("made_at", INSTANT, nullable=False),
    Index(None, "made_at"),
)

email_blocks = Table(
    "email_blocks",
    metadata,
    Column("block_ref", REF, primary_key=True),  # keyed digest of send, user and block: what links carry
    Column("send_id", NAME, nullable=False),
    Column("user_id", NAME, nullable=False),
    Column("block_id", NAME, nullable=False),
    Column("made_at", INSTANT, nullable=False),
    Column("personal", Boolean, nullable=False),
    Column("chosen", Text, nullable=False),  # JSON of features/mails.py
    Column("reply", LargeBinary, nullable=False),  # what the caller gets, compressed
    Index(None, "user_id", "made_at"),
    Index(None, "made_at"),
)

# Items that were sold out when the mail was opened, and what took their place; the first writer wins.
email_swaps = Table(
    "email_swaps",
    metadata,
    Column("block_ref", REF, primary_key=True),
    Column("position", Integer, primary_key=True),  # from 0
    Column("item_id", NAME, nullable=False),
    Column("made_at", INSTANT, nullable=False),
    UniqueConstraint("block_ref", "item_id"),
    Index(None, "made_at"),
)
