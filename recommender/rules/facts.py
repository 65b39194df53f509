"""What a rule can see besides the item: the moment, the shopper, the basket, the context and the shopper's events."""

from collections.abc import Mapping
from dataclasses import field

from recommender.arrays import Floats
from recommender.shopper import NO_PURCHASES, NO_TOUCHES, Purchases, Touches
from recommender.value import value

Value = str | float | bool | frozenset[str] | None


@value(slots=True, kw_only=True)
class Facts:
    """Everything but the item. A fact that is absent, None, NaN or of another type than the language says is unknown.

    Attributes:
        now_day: the moment of the decision, days since 1970-01-01 UTC.
        shopper, basket, context: by the name after the dot ("age" for `shopper.age`); the names are those of FACTS.
        events: what the shopper did, for `count` and `sum`.
        event_quantities: (n,) units of each event, at least 0, NaN where not known; None: of none of them.
        events_since_day: `events` is complete from this day on; NaN: nothing is known to be complete. A window that
            reaches back further has only a lower bound.
        purchases: what the shopper has bought in all, as far as known; it narrows the counts of orders for which
            `events` do not reach back far enough.
        purchases_since_day: the same for `purchases`: no order from this day on is missing; NaN: some may be.
    """

    now_day: float
    shopper: Mapping[str, Value] = field(default_factory=lambda: dict[str, Value]())
    basket: Mapping[str, Value] = field(default_factory=lambda: dict[str, Value]())
    context: Mapping[str, Value] = field(default_factory=lambda: dict[str, Value]())
    events: Touches = NO_TOUCHES
    event_quantities: Floats | None = None
    events_since_day: float = float("nan")
    purchases: Purchases = NO_PURCHASES
    purchases_since_day: float = float("nan")
