"""A placement: a place that asks for items, with its sources, rules and list settings."""

from dataclasses import dataclass
from typing import Literal

from recommender.ids import ItemId, PlacementId
from recommender.rules.compiled import Rule

SourceName = Literal[
    "embedding", "neighbours", "item_to_item", "bought_together", "buy_again", "trending", "new_arrivals", "popular"
]
Exclusion = Literal["bought", "cart", "viewed", "context_item"]
RankerName = Literal["any", "discovery", "fused"]


@dataclass(frozen=True, slots=True)
class Pin:
    """An item that stands in one slot (1 is the first), as long as the hard rules allow it."""

    slot: int
    item_id: ItemId


@dataclass(frozen=True, slots=True)
class Boost:
    """Multiplies the score of the items for which `when` is true; above 1 lifts, below 1 sinks."""

    when: Rule
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """One placement, parsed and checked.

    Attributes:
        sources: which candidate sources run; `popular` fills up in any case.
        ranker: "any" orders repeat and new items together, "discovery" was trained on items new to the shopper,
            "fused" is reciprocal rank fusion of the sources, for placements about one item or cart.
        filter: items for which this is not definitely true never appear; None: no filter.
        exclude: what the shopper has or sees already and this placement must not show.
        max_share_per_category: largest share of the list from one category, in (0, 1]; 1: no cap. It yields before
            the list gets short.
        limit: items when the request does not say; max_limit: the most that it may ask for.
    """

    placement_id: PlacementId
    title: str
    sources: tuple[SourceName, ...]
    ranker: RankerName = "any"
    filter: Rule | None = None
    exclude: frozenset[Exclusion] = frozenset()
    max_share_per_category: float = 1.0
    pins: tuple[Pin, ...] = ()
    boosts: tuple[Boost, ...] = ()
    limit: int = 12
    max_limit: int = 100
