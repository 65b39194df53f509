"""Parts of a store, and what is sold in each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from recommender.ids import StoreId, ZoneId

ZoneKind = Literal["aisle", "department", "entrance", "checkout", "service"]
ZONE_KINDS: tuple[ZoneKind, ...] = get_args(ZoneKind)


@dataclass(frozen=True, slots=True)
class CategoryWeight:
    """How much of a zone a category of items takes: above 0, compared with the others there.

    It holds from `valid_from` (None: ever since) until `valid_until`, not included (None: on and on).
    """

    category: str
    weight: float
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def holds_at(self, at: datetime) -> bool:
        """Whether it holds at a moment."""
        began = self.valid_from is None or self.valid_from <= at
        return began and (self.valid_until is None or at < self.valid_until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A part of one store.

    Attributes:
        sensitive: nothing is ever targeted by presence here, and the presence is not kept: a pharmacy.
        neighbours: zones of the same store that one can step into from here. Neighbourhood is mutual; it need be said
            on one side only.
        categories: by `item.category`.
    """

    zone_id: ZoneId
    store_id: StoreId
    kind: ZoneKind
    name: str
    sensitive: bool = False
    neighbours: frozenset[ZoneId] = frozenset()
    categories: tuple[CategoryWeight, ...] = ()

    def category_weights(self, at: datetime) -> Mapping[str, float]:
        """What is sold here at a moment, by `item.category`; where several weights hold, their sum."""
        weights: dict[str, float] = {}
        for one in self.categories:
            if one.holds_at(at):
                weights[one.category] = weights.get(one.category, 0.0) + one.weight
        return weights
