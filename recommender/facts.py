"""What the rules of a placement or a caller can see of one request."""

from collections.abc import Callable, Iterator, Mapping
from math import floor, isnan
from typing import Generic, NamedTuple, TypeVar

from recommender.arrays import Rows
from recommender.catalogue import Catalogue
from recommender.query import Query
from recommender.rules.compiled import Facts, Value
from recommender.shopper import EventKind, Shopper
from recommender.tastes import COUNTED, COUNTER_WINDOWS, Tastes, favourites

T = TypeVar("T")


def facts_of(
    query: Query, shopper: Shopper, cart: Rows, age: int | None, catalogue: Catalogue, now_day: float
) -> Facts:
    """State the facts under the names of the rule language; what is not known is left out or None.

    Args:
        cart: rows of all items in the cart.
        age: of the shopper, in years.
    """
    return Facts(
        now_day=now_day,
        shopper=_about_shopper(shopper, age, Tastes(shopper, catalogue, now_day)),
        basket=_WhenAsked({"n_items": len(cart)}, _Cart(cart, catalogue), _OF_CART),
        context=_about_context(query, catalogue, now_day),
        events=shopper.touches,
        purchases=shopper.purchases,
    )


class _WhenAsked(Mapping[str, Value], Generic[T]):
    """Facts that are at hand, and others that are worked out when a rule asks for them: few do."""

    def __init__(self, at_hand: dict[str, Value], subject: T, others: Mapping[str, Callable[[T], Value]]) -> None:
        self._values, self._subject, self._others = at_hand, subject, others

    def __getitem__(self, name: str) -> Value:
        if name not in self._values:
            self._values[name] = self._others[name](self._subject)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._values, **self._others})

    def __len__(self) -> int:
        return len({**self._values, **self._others})


class _Cart(NamedTuple):
    """What rules about the basket look at."""

    rows: Rows
    catalogue: Catalogue

    def value(self) -> int | None:
        """In minor units, one of each item."""
        value = float(self.catalogue.number["price"][self.rows].sum())
        return None if isnan(value) else round(value)

    def items(self) -> frozenset[str]:
        """Their ids."""
        return frozenset(map(self.catalogue.items.item_id, self.rows.tolist()))

    def categories(self) -> frozenset[str]:
        """Those that are known."""
        categories = map(self.catalogue.text["category"].word, self.rows.tolist())
        return frozenset(category for category in categories if category is not None)


_OF_CART: Mapping[str, Callable[[_Cart], Value]] = {
    "value": _Cart.value,
    "items": _Cart.items,
    "categories": _Cart.categories,
}


def _counter(kind: EventKind, window: str) -> Callable[[Tastes], Value]:
    return lambda tastes: tastes.count(kind, window)


_OF_TASTES: Mapping[str, Callable[[Tastes], Value]] = {
    "top_category": lambda tastes: next(iter(tastes.categories), None),
    "top_brand": lambda tastes: next(iter(tastes.brands), None),
    "categories": lambda tastes: favourites(tastes.categories),
    "brands": lambda tastes: favourites(tastes.brands),
    "price_level": lambda tastes: tastes.price_level,
    "seen": lambda tastes: frozenset(map(tastes.catalogue.items.item_id, tastes.last_seen)),
    **{f"{events}_{window}": _counter(kind, window) for events, kind in COUNTED.items() for window in COUNTER_WINDOWS},
}


def _about_shopper(shopper: Shopper, age: int | None, tastes: Tastes) -> Mapping[str, Value]:
    if not shopper.known:  # then 0 baskets and no segment would be guesses
        return {"known": False, "age": age}
    at_hand: dict[str, Value] = {
        "known": True,
        "age": age,
        "n_baskets": shopper.n_baskets,
        "segments": shopper.segments,
        "n_session_items": len(shopper.session),
        "store": shopper.store_id,
        "zone": shopper.zone_id,
    }
    return _WhenAsked(at_hand, tastes, _OF_TASTES)


def _about_context(query: Query, catalogue: Catalogue, now_day: float) -> dict[str, Value]:
    row, category = query.context_item, query.category
    if row is not None and category is None:
        category = catalogue.text["category"].word(row)
    return {
        "placement": query.placement,
        "category": category,
        "item": None if row is None else catalogue.items.item_id(row),
        "store": query.store_id,
        "hour": floor(now_day % 1 * 24),  # UTC
        "weekday": (floor(now_day) + 3) % 7 + 1,  # 1970-01-01 was a Thursday
    }
