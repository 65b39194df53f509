"""The facts that the rule language knows, with their types and ranges."""

from dataclasses import dataclass
from enum import StrEnum
from math import inf

from recommender.shopper import EventKind
from recommender.tastes import COUNTED, COUNTER_WINDOWS


class FactType(StrEnum):
    """What a fact holds; the value is what an error message calls it."""

    TEXT = "text"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    TEXTS = "a set of texts"


@dataclass(frozen=True, slots=True)
class FactKind:
    """Type of a fact, what it means, and for a number the range that it keeps to."""

    type: FactType
    meaning: str
    lowest: float = -inf
    highest: float = inf
    searchable: bool = True  # False: nearly every item has its own, so `contains` would read them all


def _text(meaning: str, *, searchable: bool = True) -> FactKind:
    return FactKind(FactType.TEXT, meaning, searchable=searchable)


def _number(meaning: str, lowest: float = 0, highest: float = inf) -> FactKind:
    return FactKind(FactType.NUMBER, meaning, lowest, highest)


_LONG_NAMES = {"1h": "the last hour", "24h": "the last 24 hours", "7d": "the last 7 days"}

FACTS: dict[str, FactKind] = {
    "item.id": _text("the shop's own id of the item", searchable=False),
    "item.group": _text("the product that the item is a variant of", searchable=False),
    "item.department": _text("department"),
    "item.category": _text("category"),
    "item.type": _text("type, finer than the category"),
    "item.brand": _text("brand"),
    "item.manufacturer": _text("manufacturer"),
    "item.size": _text("size, as the shop writes it"),
    "item.price": _number("price in minor units (199 is 1.99)"),
    "item.min_age": _number("age in years that its buyer must have; 0: any"),
    "item.age_days": _number("whole days (UTC) since the item was added; below 0: it is added later", -inf),
    "item.in_stock": FactKind(FactType.BOOLEAN, "the chain has some, or does not track its stock"),
    "shopper.known": FactKind(FactType.BOOLEAN, "something personal is known and may be used"),
    "shopper.age": _number("age in years, if stated"),
    "shopper.n_baskets": _number("orders in all"),
    "shopper.segments": FactKind(FactType.TEXTS, "names of the segments that the shopper is in"),
    "shopper.n_session_items": _number("different items viewed or added in the session at hand"),
    "shopper.store": _text("id of the store that the shopper was last seen in, within 12 hours"),
    "shopper.zone": _text("id of the zone that the shopper is in: entered within 30 minutes and not left"),
    "shopper.top_category": _text("category that the shopper likes most"),
    "shopper.top_brand": _text("brand that the shopper likes most"),
    "shopper.categories": FactKind(FactType.TEXTS, "the five categories that the shopper likes most"),
    "shopper.brands": FactKind(FactType.TEXTS, "the five brands that the shopper likes most"),
    "shopper.price_level": _number("how dear the items are that the shopper likes, in their category", 0, 1),
    "shopper.seen": FactKind(FactType.TEXTS, "ids of the items viewed of late"),
    **{
        f"shopper.{events}_{window}": _number(f"{events} within {_LONG_NAMES[window]}")
        for events in COUNTED
        for window in COUNTER_WINDOWS
    },
    "basket.value": _number("value of the basket in minor units"),
    "basket.n_items": _number("different items in the basket"),
    "basket.quantity": _number("units in the basket"),
    "basket.items": FactKind(FactType.TEXTS, "ids of the items in the basket"),
    "basket.categories": FactKind(FactType.TEXTS, "categories of the items in the basket"),
    "context.category": _text("category of the page"),
    "context.store": _text("id of the store"),
    "context.placement": _text("id of the placement"),
    "context.channel": _text("channel: store, web, app, email"),
    "context.item": _text("id of the item in view"),
    "context.hour": _number("hour of the day", 0, 23),
    "context.weekday": _number("day of the week, Monday is 1 and Sunday 7", 1, 7),
}

EVENTS: dict[str, EventKind] = COUNTED

DAYS_IN: dict[str, float] = {
    "hour": 1 / 24, "hours": 1 / 24, "day": 1, "days": 1, "week": 7, "weeks": 7,
}  # fmt: skip

MAX_LENGTH = 4_000  # characters of a rule
MAX_DEPTH = 32  # parentheses, `not` and `where` inside each other
MAX_CONDITIONS = 100  # comparisons in a rule
MAX_LIST = 1_000  # values in `in [...]`
MAX_SEARCHES = 8  # `contains` and `starts with` read every word of a fact
MAX_AGGREGATES = 8
MAX_WINDOW_DAYS = 3_660
