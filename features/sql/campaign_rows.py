"""Campaigns and segments as rows of SQL."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Select, select

from features.campaigns import SegmentMembers, StoredCampaign
from features.sql.tables.campaigns import campaign_versions, campaigns, segment_members, segments

C, V = campaigns.c, campaign_versions.c
COLUMNS = (C.campaign_id, C.state, C.killed, C.version, V.definition, C.made_at, C.changed_at, C.change_number)


def stored_campaigns() -> Select[*tuple[Any, ...]]:
    """Select all campaigns, each with the version that is in force."""
    in_force = (V.campaign_id == C.campaign_id) & (V.version == C.version)
    return select(*COLUMNS).join(campaign_versions, in_force)


def read_campaigns(connection: Connection, query: Select[*tuple[Any, ...]]) -> tuple[StoredCampaign, ...]:
    """The campaigns of a query that began as `stored_campaigns`."""
    rows: Iterable[Any] = connection.execute(query).mappings()
    return tuple(StoredCampaign(**row) for row in rows)


def read_segments(connection: Connection, after: int = -1) -> tuple[SegmentMembers, ...]:
    """The segments that changed after a change number, by id, each with all its members."""
    member = segment_members.c.segment_id == segments.c.segment_id
    named = select(segments.c.segment_id, segment_members.c.user_id).join(segment_members, member, isouter=True)
    found = dict[str, list[str]]()
    for segment_id, user_id in connection.execute(named.where(segments.c.change_number > after)):
        members = found.setdefault(segment_id, [])
        if user_id is not None:
            members.append(user_id)
    return tuple(SegmentMembers(segment_id, tuple(members)) for segment_id, members in sorted(found.items()))
