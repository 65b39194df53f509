"""The placements that requests may name: those that ship, with those that were saved in their place."""

import logging
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from features.placements_file import read_placements_text
from features.settings import Settings
from recommender.errors import RecommenderError, UnknownPlacement
from recommender.ids import PlacementId
from recommender.placements import Placement, parse_placement

Definition = Mapping[str, Any]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """A placement, and the definition that it was parsed from."""

    placement: Placement
    definition: Definition
    origin: Literal["shipped", "saved"]


def read_shipped(settings: Settings) -> dict[PlacementId, Definition]:
    """Definitions of `placements.toml`: of the configuration folder if it has one, else of the package."""
    return {PlacementId(name): table for name, table in tomllib.loads(read_placements_text(settings)).items()}


class Placements:
    """All placements by id; changed only between two requests."""

    def __init__(self, shipped: Mapping[PlacementId, Definition]) -> None:
        """Raises InvalidPlacement or InvalidRule for a shipped definition that does not hold."""
        self._entries = {
            name: Entry(parse_placement(name, definition), definition, "shipped")
            for name, definition in shipped.items()
        }

    def find(self, placement_id: PlacementId) -> Placement:
        """The placement of an id; raises UnknownPlacement."""
        return self.entry(placement_id).placement

    def entry(self, placement_id: PlacementId) -> Entry:
        """The placement with its definition; raises UnknownPlacement."""
        entry = self._entries.get(placement_id)
        if entry is None:
            close = get_close_matches(placement_id, self._entries, n=1)
            meant = f"Did you mean {close[0]!r}? " if close else ""
            raise UnknownPlacement(
                f"There is no placement {placement_id!r}.",
                field="placement",
                remedy=f"{meant}GET /v1/placements lists those that exist.",
            )
        return entry

    def all(self) -> list[Entry]:
        """Every placement, by id."""
        return [self._entries[name] for name in sorted(self._entries)]

    def known(self) -> list[Placement]:
        """The same without their definitions."""
        return [entry.placement for entry in self.all()]

    def take_saved(self, saved: Iterable[tuple[PlacementId, Definition]]) -> None:
        """Put saved definitions in place; one that does not hold (any more) is logged, and what was there stays."""
        for placement_id, definition in saved:
            try:
                placement = parse_placement(placement_id, definition)
            except RecommenderError as error:
                log.warning("the saved placement %s is not used: %s", placement_id, error)
                continue
            self._entries[placement_id] = Entry(placement, definition, "saved")
