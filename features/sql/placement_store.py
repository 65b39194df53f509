"""Placements in SQL: what was saved takes the place of the configuration that ships."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, delete, insert, select

from features.audit import SYSTEM, Author, Entry
from features.sql.audit_store import append_audit
from features.sql.engine import reading, writing
from features.sql.tables.catalogue import placements
from recommender.ids import PlacementId


class PlacementStore:
    """Saved placement definitions, as JSON; they were checked before they came here."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, placement_id: PlacementId) -> Mapping[str, Any] | None:
        """The saved definition; None: nothing was saved, so the configuration holds."""
        query = select(placements.c.definition).where(placements.c.placement_id == placement_id)
        with reading(self._engine) as connection:
            return connection.execute(query).scalar_one_or_none()

    def read_all(self) -> dict[PlacementId, Mapping[str, Any]]:
        """All saved definitions."""
        query = select(placements.c.placement_id, placements.c.definition)
        with reading(self._engine) as connection:
            return {PlacementId(name): definition for name, definition in connection.execute(query)}

    def put(self, placement_id: PlacementId, definition: Mapping[str, Any], *, by: Author = SYSTEM) -> int:
        """Save a definition, in place of one saved before. Returns the change number."""
        with writing(self._engine) as write:
            same = placements.c.placement_id == placement_id
            write.connection.execute(delete(placements).where(same))
            row = {"definition": dict(definition), "change_number": write.change_number}
            write.connection.execute(insert(placements).values(placement_id=placement_id, **row))
            append_audit(write.connection, Entry(by, "placements.put", "placement", placement_id))
            return write.change_number
