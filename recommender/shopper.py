"""What is known of one shopper at the moment of a decision: long-term purchases and what happened since, merged."""

from dataclasses import field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import EMPTY_ROWS, Floats, Rows
from recommender.shown import NOTHING_SHOWN, Shown
from recommender.value import value


class EventKind(IntEnum):
    """What a shopper did with an item; the value is stored in live state, so it never changes its meaning."""

    VIEWED = 1
    ADDED = 2
    REMOVED = 3
    ORDERED = 4
    REFUNDED = 5
    CANCELLED = 6


@value(slots=True)
class Purchases:
    """What one shopper has bought: one entry per item, ascending by row.

    Attributes:
        rows: (n,) item rows, no repeats.
        baskets: (n,) in how many orders the item was.
        decayed_short: (n,) sum over its orders of 2 ** (-age in days / HALF_LIFE_SHORT), at `as_of_day`.
        decayed_long: (n,) the same with HALF_LIFE_LONG.
        first_day, last_day: (n,) float64, days since 1970-01-01 UTC of the first and the latest order.
    """

    rows: Rows
    baskets: Floats
    decayed_short: Floats
    decayed_long: Floats
    first_day: NDArray[np.float64]
    last_day: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)


HALF_LIFE_SHORT = 28.0  # days
HALF_LIFE_LONG = 120.0  # days

NO_DAYS: NDArray[np.float64] = np.empty(0, dtype=np.float64)
NO_PURCHASES = Purchases(
    rows=EMPTY_ROWS,
    baskets=np.empty(0, dtype=np.float32),
    decayed_short=np.empty(0, dtype=np.float32),
    decayed_long=np.empty(0, dtype=np.float32),
    first_day=NO_DAYS,
    last_day=NO_DAYS,
)


@value(slots=True)
class Touches:
    """What one shopper did lately, newest first; at most the number that live state keeps.

    Attributes:
        rows: (n,) item rows; repeats are possible.
        kinds: (n,) uint8, values of EventKind.
        days: (n,) float64, days since 1970-01-01 UTC.
    """

    rows: Rows
    kinds: NDArray[np.uint8]
    days: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)


NO_TOUCHES = Touches(rows=EMPTY_ROWS, kinds=np.empty(0, dtype=np.uint8), days=NO_DAYS)


@value(slots=True, kw_only=True)
class Shopper:
    """One shopper as the decision sees them. The default is a stranger.

    Attributes:
        purchases: all that is known to have been bought, up to now.
        n_baskets: orders in all.
        first_day: day of the first known order; NaN for none.
        touches: recent events of the live state, newest first; without orders that were taken back, and without what
            took them back.
        session: rows viewed or added in the session at hand, newest first, no repeats.
        seen: the same with repeats.
        cart: rows in the cart: added and not removed or ordered since, newest first, no repeats.
        coupons_redeemed, coupons_expected: coupons that they redeemed up to the artifact's cut, and how many those who
            were sent the same campaigns redeemed on average.
        age: in years, None if not stated (an age rule then fails closed).
        segments: names of the segments this shopper is in.
        shown: what placements that rotate showed of late.
        store_id, zone_id: where the shopper was last seen, if that is of late.
    """

    purchases: Purchases = NO_PURCHASES
    n_baskets: int = 0
    first_day: float = float("nan")
    touches: Touches = NO_TOUCHES
    session: Rows = field(default_factory=lambda: EMPTY_ROWS)
    seen: Rows = field(default_factory=lambda: EMPTY_ROWS)
    cart: Rows = field(default_factory=lambda: EMPTY_ROWS)
    coupons_redeemed: float = 0.0
    coupons_expected: float = 0.0
    age: int | None = None
    segments: frozenset[str] = frozenset()
    shown: Shown = NOTHING_SHOWN
    store_id: str | None = None
    zone_id: str | None = None

    @property
    def known(self) -> bool:
        """Whether anything personal went into this value; if not, the answer is not personalised."""
        seen_somewhere = self.store_id is not None or self.zone_id is not None
        return len(self.purchases) > 0 or len(self.touches) > 0 or seen_somewhere


STRANGER = Shopper()
