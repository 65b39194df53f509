"""What one shopper has bought: orders counted, added to a history, brought to a later day, and taken back."""

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Rows
from recommender.shopper import HALF_LIFE_LONG, HALF_LIFE_SHORT, Purchases


def count_orders(rows: Rows, orders: NDArray[np.integer], days: NDArray[np.float64], now_day: float) -> Purchases:
    """Count orders, given as (n,) item rows, what tells their orders apart, and their moments, in any order.

    Of an item that is in an order more than once, the earliest moment counts. Decays are as of `now_day`; a moment
    after it has age 0.
    """
    order = np.lexsort((days, orders, rows))
    rows, orders, days = rows[order], orders[order], days[order]
    fresh = _starts(rows)
    fresh[1:] |= orders[1:] != orders[:-1]
    rows, days = rows[fresh], days[fresh]
    starts = np.flatnonzero(_starts(rows))
    ends = np.flatnonzero(_ends(rows)) + 1
    age = np.maximum(now_day - days, 0.0)
    return Purchases(
        rows=rows[starts],
        baskets=(ends - starts).astype(np.float32),
        decayed_short=np.add.reduceat(np.exp2(age / -HALF_LIFE_SHORT), starts).astype(np.float32),
        decayed_long=np.add.reduceat(np.exp2(age / -HALF_LIFE_LONG), starts).astype(np.float32),
        first_day=np.minimum.reduceat(days, starts),
        last_day=np.maximum.reduceat(days, starts),
    )


def add_purchases(earlier: Purchases, later: Purchases) -> Purchases:
    """The purchases of both, all of `earlier` before all of `later`, decayed to the same day."""
    if not len(earlier):
        return later
    both = np.concatenate([earlier.rows, later.rows])
    order = np.argsort(both, kind="stable")
    sorted_rows = both[order]
    starts = np.flatnonzero(_starts(sorted_rows))
    ends = np.flatnonzero(_ends(sorted_rows))
    return Purchases(
        rows=sorted_rows[starts],
        baskets=np.add.reduceat(np.concatenate([earlier.baskets, later.baskets])[order], starts),
        decayed_short=np.add.reduceat(np.concatenate([earlier.decayed_short, later.decayed_short])[order], starts),
        decayed_long=np.add.reduceat(np.concatenate([earlier.decayed_long, later.decayed_long])[order], starts),
        # The sort is stable: of an item that is in both, the earlier purchases come first.
        first_day=np.concatenate([earlier.first_day, later.first_day])[order[starts]],
        last_day=np.concatenate([earlier.last_day, later.last_day])[order[ends]],
    )


def bring_forward(history: Purchases, elapsed_days: float) -> Purchases:
    """The same purchases, decayed by so many more days; fewer than none count as none."""
    elapsed_days = max(elapsed_days, 0.0)
    return Purchases(
        rows=history.rows,
        baskets=history.baskets,
        decayed_short=history.decayed_short * np.float32(0.5 ** (elapsed_days / HALF_LIFE_SHORT)),
        decayed_long=history.decayed_long * np.float32(0.5 ** (elapsed_days / HALF_LIFE_LONG)),
        first_day=history.first_day,
        last_day=history.last_day,
    )


def lower(history: Purchases, taken_back: Rows) -> Purchases:
    """The purchases without one basket of each of `taken_back` (repeats allowed; items not in it count for nothing).

    Which basket it was, a sum over all of them cannot say: each decay loses its share, the days stay.
    """
    if not len(history) or not len(taken_back):
        return history
    at = np.minimum(np.searchsorted(history.rows, taken_back), len(history) - 1)
    lost = np.bincount(at[history.rows[at] == taken_back], minlength=len(history))
    baskets = np.maximum(history.baskets - lost, 0).astype(np.float32)
    share, left = (baskets / history.baskets).astype(np.float32), baskets > 0
    return Purchases(
        rows=history.rows[left],
        baskets=baskets[left],
        decayed_short=(history.decayed_short * share)[left],
        decayed_long=(history.decayed_long * share)[left],
        first_day=history.first_day[left],
        last_day=history.last_day[left],
    )


def _starts(rows: Rows) -> NDArray[np.bool_]:
    """Where a run of equal rows begins; `rows` is sorted and not empty."""
    starts = np.empty(len(rows), dtype=np.bool_)
    starts[0] = True
    np.not_equal(rows[1:], rows[:-1], out=starts[1:])
    return starts


def _ends(rows: Rows) -> NDArray[np.bool_]:
    """Where a run of equal rows ends; `rows` is sorted and not empty."""
    ends = np.empty(len(rows), dtype=np.bool_)
    ends[-1] = True
    np.not_equal(rows[1:], rows[:-1], out=ends[:-1])
    return ends
