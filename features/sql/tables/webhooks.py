"""Who is told of changes of consents and preferences, how far they were told, and what they would not take."""

from sqlalchemy import Boolean, Column, ForeignKey, Identity, Index, Integer, String, Table, Text

from features.sql.tables.base import BigKey, metadata

# Positions are those of features/sql/permission_feed.py, as text. A message tells all after `told_until` up to
# `telling_until`, which is set before it is first sent: so a message that is sent again is the same message.
webhooks = Table(
    "webhooks",
    metadata,
    Column("webhook_id", String(40), primary_key=True),
    Column("url", String(2000), nullable=False),
    Column("label", String(200), nullable=False),
    Column("created_at", String(32), nullable=False),  # RFC 3339, UTC; so are the others
    Column("deleted_at", String(32)),
    Column("told_until", String(80), nullable=False),
    Column("telling_until", String(80)),
    Column("failing_since", String(32)),
    Column("failures", Integer, nullable=False),  # in a row
    Column("last_error", Text),
    Column("next_try_at", String(32), nullable=False),
    Column("claimed_by", String(40)),  # the deliverer that is at it, until then
    Column("claimed_until", String(32)),
)

# Messages that were given up; `replay` asks for another try.
parked_messages = Table(
    "parked_messages",
    metadata,
    Column("id", BigKey, Identity(), primary_key=True),
    Column("webhook_id", String(40), ForeignKey("webhooks.webhook_id"), nullable=False),
    Column("after", String(80), nullable=False),
    Column("until", String(80), nullable=False),
    Column("parked_at", String(32), nullable=False),
    Column("last_error", Text, nullable=False),
    Column("replay", Boolean, nullable=False),
    Index(None, "webhook_id"),
)
