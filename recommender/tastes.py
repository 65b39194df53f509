"""What a shopper likes and how much goes on of late, worked out from the same events when a rule asks for it.

The offline twin is `features/offline/tastes.py`; both read the weights and windows of this page.
"""

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Rows
from recommender.catalogue import Catalogue
from recommender.derived import derived
from recommender.shopper import EventKind, Shopper
from recommender.value import value

# What an event says of a taste when it happens. That of a view or addition fades with the half-life here, that of a
# basket like `Purchases.decayed_short`.
EVENT_WEIGHTS = {EventKind.VIEWED: 1.0, EventKind.ADDED: 3.0}
EVENT_HALF_LIFE = 7.0  # days
BASKET_WEIGHT = 5.0
FAVOURITES = 5  # strongest tastes that count as favourites

COUNTED = {
    "views": EventKind.VIEWED, "adds": EventKind.ADDED, "removes": EventKind.REMOVED, "orders": EventKind.ORDERED,
}  # fmt: skip
COUNTER_WINDOWS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}

_DAY, _HALF_MILLISECOND = timedelta(days=1), timedelta(microseconds=500)
# Moments are exact to the millisecond: half of one more keeps what lies exactly at the edge within.
_WINDOW_DAYS = {name: (window + _HALF_MILLISECOND) / _DAY for name, window in COUNTER_WINDOWS.items()}


@value()
class Tastes:
    """The tastes of one shopper at one moment, in the words and prices that the catalogue has now."""

    shopper: Shopper
    catalogue: Catalogue
    now_day: float

    @derived
    def interest(self) -> tuple[Rows, NDArray[np.float64]]:
        """(n,) item rows, repeats possible, and how much each says of the shopper's tastes, above 0."""
        touches, purchases = self.shopper.touches, self.shopper.purchases
        fading = np.exp2(np.maximum(self.now_day - touches.days, 0.0) / -EVENT_HALF_LIFE)
        rows, weights = [purchases.rows], [BASKET_WEIGHT * purchases.decayed_short.astype(np.float64)]
        for kind, weight in EVENT_WEIGHTS.items():
            found = touches.kinds == kind
            rows.append(touches.rows[found])
            weights.append(weight * fading[found])
        return np.concatenate(rows), np.concatenate(weights)

    @derived
    def categories(self) -> dict[str, float]:
        """Affinity by category, strongest first."""
        return self._affinities("category")

    @derived
    def brands(self) -> dict[str, float]:
        """Affinity by brand, strongest first."""
        return self._affinities("brand")

    @derived
    def price_level(self) -> float | None:
        """How dear what interests the shopper is among the items of its category: 0 the cheapest, 1 the dearest.

        Within the favourite categories; None: no price there can be compared with another.
        """
        rows, weights = self.interest
        codes, prices = self.catalogue.text["category"].codes, self.catalogue.number["price"]
        total = weighed = 0.0
        for category in list(self.categories)[:FAVOURITES]:
            code = self.catalogue.text["category"].code_of(category)
            of_category = np.sort(prices[: self.catalogue.n][codes[: self.catalogue.n] == code])
            of_category = of_category[~np.isnan(of_category)]
            chosen = (codes[rows] == code) & ~np.isnan(prices[rows])
            if len(of_category) > 1 and chosen.any():
                levels = _levels(prices[rows[chosen]], of_category)
                weighed += float(levels @ weights[chosen])
                total += float(weights[chosen].sum())
        return weighed / total if total > 0 else None

    @derived
    def last_seen(self) -> dict[int, float]:
        """By item row the day of its latest view, latest first; as far back as live state reaches."""
        touches, seen = self.shopper.touches, dict[int, float]()
        viewed = touches.kinds == EventKind.VIEWED
        for row, day in zip(touches.rows[viewed].tolist(), touches.days[viewed].tolist(), strict=True):
            seen.setdefault(row, day)
        return seen

    def count(self, kind: EventKind, window: str) -> int:
        """Events of a kind within a window of COUNTER_WINDOWS, as far back as live state reaches."""
        touches = self.shopper.touches
        return int(np.count_nonzero((touches.kinds == kind) & (self.now_day - touches.days <= _WINDOW_DAYS[window])))

    def _affinities(self, fact: str) -> dict[str, float]:
        column = self.catalogue.text[fact]
        rows, weights = self.interest
        codes = column.codes[rows]
        known, inverse = np.unique(codes[codes >= 0], return_inverse=True)
        sums = np.bincount(inverse, weights[codes >= 0], minlength=len(known))
        words = [(column.words[code], total) for code, total in zip(known.tolist(), sums.tolist(), strict=True)]
        return dict(sorted(words, key=lambda entry: (-entry[1], entry[0])))


def favourites(affinities: Mapping[str, float]) -> frozenset[str]:
    """The strongest tastes."""
    return frozenset(list(affinities)[:FAVOURITES])


def _levels(prices: NDArray[np.float64], of_category: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where prices lie in an ascending list of at least two, in [0, 1]; equal prices share their middle."""
    below = np.searchsorted(of_category, prices, side="left")
    upto = np.searchsorted(of_category, prices, side="right")
    return (below + upto - 1) / (2 * (len(of_category) - 1))
