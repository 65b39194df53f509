"""Campaigns with all their versions, and segments that are given as lists of users."""

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, String, Table

from features.sql.tables.base import metadata

CAMPAIGN_ID, SEGMENT_ID = String(100), String(100)

campaigns = Table(
    "campaigns",
    metadata,
    Column("campaign_id", CAMPAIGN_ID, primary_key=True),
    Column("state", String(10), nullable=False),  # draft, active, paused, ended
    Column("killed", String(10), nullable=False),  # "", offers: ended by the switch; coupons: and those issued with it
    Column("version", Integer, nullable=False),  # the one in force
    Column("made_at", String(32), nullable=False),  # RFC 3339, UTC; so is changed_at
    Column("changed_at", String(32), nullable=False),
    Column("change_number", BigInteger, nullable=False),
    Index(None, "change_number"),
)

# Append-only, as long as the campaign is: only a draft can be deleted.
campaign_versions = Table(
    "campaign_versions",
    metadata,
    Column("campaign_id", CAMPAIGN_ID, ForeignKey("campaigns.campaign_id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("definition", JSON, nullable=False),
    Column("made_at", String(32), nullable=False),
    Column("actor", String(100), nullable=False),
)

segments = Table(
    "segments",
    metadata,
    Column("segment_id", SEGMENT_ID, primary_key=True),
    Column("change_number", BigInteger, nullable=False),
    Index(None, "change_number"),
)

segment_members = Table(
    "segment_members",
    metadata,
    Column("segment_id", SEGMENT_ID, ForeignKey("segments.segment_id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", String(200), primary_key=True),
    Index(None, "user_id"),
)
