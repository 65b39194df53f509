"""Segments that are lists of users, in SQL."""

from collections.abc import Collection

from sqlalchemy import Engine, delete, insert

from features.audit import SYSTEM, Author, Entry
from features.campaigns import SegmentMembers
from features.sql.audit_store import append_audit
from features.sql.bulk import insert_rows
from features.sql.campaign_rows import read_segments
from features.sql.engine import reading, writing
from features.sql.tables.campaigns import segment_members, segments


class SegmentStore:
    """Segments by their id, which is how rules name them: `"vip" in shopper.segments`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read_all(self) -> tuple[SegmentMembers, ...]:
        """All segments with their members, by id."""
        with reading(self._engine) as connection:
            return read_segments(connection)

    def put(self, segment_id: str, user_ids: Collection[str], *, by: Author = SYSTEM) -> int:
        """State who is in a segment, in place of whoever was. Returns the change number."""
        with writing(self._engine) as write:
            write.connection.execute(delete(segments).where(segments.c.segment_id == segment_id))
            row = {"segment_id": segment_id, "change_number": write.change_number}
            write.connection.execute(insert(segments).values(**row))
            members = [(segment_id, user_id) for user_id in sorted(set(user_ids))]
            insert_rows(write.connection, segment_members, ("segment_id", "user_id"), members)
            append_audit(write.connection, Entry(by, "segments.put", "segment", segment_id, {"members": len(members)}))
            return write.change_number
