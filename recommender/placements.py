"""A placement: a place that asks for items, with its sources, rules and list settings."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from recommender.definition import Definition
from recommender.errors import InvalidPlacement
from recommender.ids import ItemId, PlacementId
from recommender.objectives import PURCHASE_ALONE, Objectives, parse_objectives
from recommender.rules.compiled import Rule, compile_rule
from recommender.rules.satisfiable import find_contradiction

SourceName = Literal[
    "embedding",
    "neighbours",
    "followers",
    "sessions",
    "item_to_item",
    "bought_together",
    "buy_again",
    "trending",
    "new_arrivals",
    "newcomers",
    "popular",
]
Exclusion = Literal["bought", "cart", "viewed", "context_item"]
RankerName = Literal["any", "discovery", "fused"]

SETTINGS = (
    "title", "sources", "ranker", "objectives", "filter", "exclude", "max_share_per_category", "max_share_popular",
    "novelty", "calibration", "exploration", "rotation", "pins", "boosts", "limit", "max_limit",
)  # fmt: skip
LONGEST_LIST = 1_000  # items that any placement may be asked for
LARGEST_FACTOR = 100.0


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
            "fused" is reciprocal rank fusion of the sources, for placements about a cart, say. Strangers with
            nothing at hand get the fusion in any case.
        objectives: what the candidates are ordered for.
        filter: items for which this is not definitely true never appear; None: no filter.
        exclude: what the shopper has or sees already and this placement must not show.
        max_share_per_category: largest share of the list from one category, in (0, 1]; 1: no cap. It yields before
            the list gets short.
        max_share_popular: the same of what sells best (`Model.best_sellers`).
        novelty: how much less an item scores the more it is bought, in [0, 1]; 0: not at all.
        calibration: how far the categories of the list follow those that the shopper buys, in [0, 1]; 0: not at all.
        exploration: the chance of each slot to go to an item that little is known of, in [0, 1].
        rotation: how much less an item scores for each earlier day of the last SHOWN_DAYS on which it was shown here to
            this shopper, who did not touch it, in [0, 1]; 0: not at all.
        limit: items when the request does not say; max_limit: the most that it may ask for.
    """

    placement_id: PlacementId
    title: str
    sources: tuple[SourceName, ...]
    ranker: RankerName = "any"
    objectives: Objectives = PURCHASE_ALONE
    filter: Rule | None = None
    exclude: frozenset[Exclusion] = frozenset()
    max_share_per_category: float = 1.0
    max_share_popular: float = 1.0
    novelty: float = 0.0
    calibration: float = 0.0
    exploration: float = 0.0
    rotation: float = 0.0
    pins: tuple[Pin, ...] = ()
    boosts: tuple[Boost, ...] = ()
    limit: int = 12
    max_limit: int = 100


def load_placements(text: str) -> dict[PlacementId, Placement]:
    """Read all placements of a TOML text, a table each.

    Raises:
        InvalidPlacement: the text is not TOML, or a placement is wrong; `field` begins with its id.
        InvalidRule: a rule cannot be parsed.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidPlacement(f"the placements are not TOML: {error}", remedy="Correct the file.") from error
    return {PlacementId(name): parse_placement(name, table, f"{name}.") for name, table in tables.items()}


def parse_placement(placement_id: str, definition: Mapping[str, object], prefix: str = "") -> Placement:
    """Read one placement from its settings, which docs/placements.md explains.

    Args:
        prefix: put before the names of settings in errors.

    Raises:
        InvalidPlacement: a setting is unknown, of the wrong type or range, or contradicts another one.
        InvalidRule: a rule cannot be parsed.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,99}", placement_id):
        message = f"{placement_id[:120]!r} cannot be the id of a placement"
        remedy = "Use up to 100 small letters, digits, _ and -."
        raise InvalidPlacement(message, field="placement_id", remedy=remedy)
    settings = Definition(definition, SETTINGS, prefix)
    max_limit = settings.whole("max_limit", most=LONGEST_LIST, default=100)
    placement = Placement(
        placement_id=PlacementId(placement_id),
        title=settings.text("title"),
        sources=settings.names("sources", get_args(SourceName)),
        ranker=settings.name("ranker", get_args(RankerName), default="any"),
        objectives=parse_objectives(settings),
        filter=_rule(settings, "filter"),
        exclude=frozenset(settings.names("exclude", get_args(Exclusion))),
        max_share_per_category=settings.number("max_share_per_category", most=1.0, default=1.0),
        max_share_popular=settings.number("max_share_popular", most=1.0, default=1.0),
        novelty=settings.share("novelty"),
        calibration=settings.share("calibration"),
        exploration=settings.share("exploration"),
        rotation=settings.share("rotation"),
        pins=_pins(settings, max_limit),
        boosts=_boosts(settings),
        limit=settings.whole("limit", most=LONGEST_LIST, default=min(12, max_limit)),
        max_limit=max_limit,
    )
    _refuse_contradictions(placement, prefix)
    return placement


def _rule(settings: Definition, name: str) -> Rule | None:
    text = settings.optional_text(name)
    return None if text is None else compile_rule(text, field=settings.prefix + name)


def _pins(settings: Definition, max_limit: int) -> tuple[Pin, ...]:
    pins: dict[int, Pin] = {}
    items: set[str] = set()
    for table in settings.tables("pins", ("slot", "item_id"), most=100):
        slot, item_id = table.whole("slot", most=max_limit), ItemId(table.text("item_id"))
        if slot in pins:
            message = f"slot {slot} has two pins"
            raise InvalidPlacement(message, field=f"{table.prefix}slot", remedy="Leave one of them.")
        if item_id in items:
            message = f"item {item_id!r} is pinned twice, and no list shows an item twice"
            raise InvalidPlacement(message, field=f"{table.prefix}item_id", remedy="Leave one of the pins.")
        items.add(item_id)
        pins[slot] = Pin(slot, item_id)
    return tuple(pins.values())


def _boosts(settings: Definition) -> tuple[Boost, ...]:
    boosts: list[Boost] = []
    for table in settings.tables("boosts", ("when", "factor"), most=20):
        when = _rule(table, "when")
        if when is None:
            raise InvalidPlacement("a boost has no rule", field=f"{table.prefix}when", remedy="Say when it applies.")
        boosts.append(Boost(when, table.number("factor", most=LARGEST_FACTOR)))
    return tuple(boosts)


def _refuse_contradictions(placement: Placement, prefix: str) -> None:
    if not placement.sources:
        remedy = f"Use some of: {', '.join(get_args(SourceName))}."
        raise InvalidPlacement("no source proposes anything", field=f"{prefix}sources", remedy=remedy)
    if placement.limit > placement.max_limit:
        message = f"limit {placement.limit} is above max_limit {placement.max_limit}"
        raise InvalidPlacement(message, field=f"{prefix}limit", remedy="Lower it, or raise max_limit.")
    if "buy_again" in placement.sources and "bought" in placement.exclude:
        raise InvalidPlacement(
            "source buy_again proposes what the shopper has bought, and exclude removes all of it",
            field=f"{prefix}sources", remedy='Take "buy_again" out of sources, or "bought" out of exclude.',
        )  # fmt: skip
    filters = () if placement.filter is None else (placement.filter,)
    _refuse_impossible(filters, f"{prefix}filter", "the filter can never be true, so nothing would be shown")
    for place, boost in enumerate(placement.boosts):
        _refuse_impossible((*filters, boost.when), f"{prefix}boosts[{place}].when", "the boost can never apply")


def _refuse_impossible(rules: tuple[Rule, ...], field: str, consequence: str) -> None:
    reason = find_contradiction(*rules)
    if reason is not None:
        raise InvalidPlacement(f"{consequence}: {reason}", field=field, remedy="Correct the rule.")
