"""A shopper as of now: what the artifact knows up to its cut, and what live state saw since, put together."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from features.definitions import CART_KINDS, CART_WINDOW_DAYS, SESSION_KINDS, SESSION_PAUSE_DAYS
from features.online.live_events import LiveEvents
from recommender.arrays import EMPTY_ROWS, Rows
from recommender.catalogue import Catalogue
from recommender.ids import UserId
from recommender.model import Histories
from recommender.shopper import (
    HALF_LIFE_LONG,
    HALF_LIFE_SHORT,
    NO_PURCHASES,
    NO_TOUCHES,
    EventKind,
    Purchases,
    Shopper,
    Touches,
)

# Plain integers: comparing with a member of an enumeration is slow.
_ADDED, _ORDERED = int(EventKind.ADDED), int(EventKind.ORDERED)
_SESSION_KINDS, _CART_KINDS = frozenset(map(int, SESSION_KINDS)), frozenset(map(int, CART_KINDS))


def assemble(
    *, user_id: UserId | None, live: LiveEvents, histories: Histories, catalogue: Catalogue, now_day: float
) -> Shopper:
    """Put one shopper together.

    An order before the histories' cut counts once: from the history, if the shopper has one.
    """
    position = None if user_id is None else histories.position_of.get(user_id)
    touches = _touches_of(live, catalogue)
    if user_id is None or position is None:
        history, n_baskets, first_day, cut_day = NO_PURCHASES, 0, np.nan, -np.inf
    else:
        history = _bring_forward(histories.of(user_id) or NO_PURCHASES, now_day - histories.cut_day)
        n_baskets, cut_day = int(histories.n_baskets[position]), histories.cut_day
        first_day = float(histories.first_basket_day[position])
    ordered = np.flatnonzero((touches.kinds == _ORDERED) & (touches.days >= cut_day))
    purchases = history
    if len(ordered):
        days = touches.days[ordered]
        purchases = add_purchases(history, count_orders(touches.rows[ordered], days, now_day))
        n_baskets += len(set(days.tolist()))
        first_day = float(np.fmin(first_day, days[-1]))
    return Shopper(
        purchases=purchases,
        n_baskets=n_baskets,
        first_day=first_day,
        touches=touches,
        session=session_of(touches, now_day),
        cart=cart_of(touches, now_day),
    )


def count_orders(rows: Rows, days: NDArray[np.float64], now_day: float) -> Purchases:
    """Count orders, given as (n,) item rows and the moments of their orders, in any order.

    The same item at the same moment is one order. Decays are as of `now_day`; a moment after it has age 0.
    """
    order = np.lexsort((days, rows))
    rows, days = rows[order], days[order]
    fresh = _starts(rows)
    fresh[1:] |= days[1:] != days[:-1]
    rows, days = rows[fresh], days[fresh]
    starts = np.flatnonzero(_starts(rows))
    ends = np.flatnonzero(_ends(rows)) + 1
    age = np.maximum(now_day - days, 0.0)
    return Purchases(
        rows=rows[starts],
        baskets=(ends - starts).astype(np.float32),
        decayed_short=np.add.reduceat(np.exp2(age / -HALF_LIFE_SHORT), starts).astype(np.float32),
        decayed_long=np.add.reduceat(np.exp2(age / -HALF_LIFE_LONG), starts).astype(np.float32),
        first_day=days[starts],
        last_day=days[ends - 1],
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


def session_of(touches: Touches, now_day: float) -> Rows:
    """Rows viewed or added in the session at hand, newest first, no repeats; none after too long a pause."""
    rows = dict[int, None]()
    later = now_day
    for row, kind, day in _walk(touches):
        if later - day > SESSION_PAUSE_DAYS:
            break
        if kind in _SESSION_KINDS:
            rows[row] = None
        later = day
    return np.array(list(rows), dtype=np.int32) if rows else EMPTY_ROWS


def cart_of(touches: Touches, now_day: float) -> Rows:
    """Rows in the cart: added lately, and not removed or ordered since; newest first."""
    latest = dict[int, int]()
    for row, kind, day in _walk(touches):
        if now_day - day > CART_WINDOW_DAYS:
            break
        if kind in _CART_KINDS:
            latest.setdefault(row, kind)
    rows = [row for row, kind in latest.items() if kind == _ADDED]
    return np.array(rows, dtype=np.int32) if rows else EMPTY_ROWS


def _walk(touches: Touches) -> Iterator[tuple[int, int, float]]:
    # Lists: for a few dozen events a loop costs less than the numpy calls that would replace it.
    return zip(touches.rows.tolist(), touches.kinds.tolist(), touches.days.tolist(), strict=True)


def _touches_of(live: LiveEvents, catalogue: Catalogue) -> Touches:
    """Live events by item row; those on items that this catalogue lacks are left out."""
    if not len(live):
        return NO_TOUCHES
    rows = catalogue.rows_of_numbers(live.numbers)
    known = rows >= 0
    if known.all():
        return Touches(rows=rows, kinds=live.kinds, days=live.days)
    return Touches(rows=rows[known], kinds=live.kinds[known], days=live.days[known])


def _bring_forward(history: Purchases, elapsed_days: float) -> Purchases:
    elapsed_days = max(elapsed_days, 0.0)
    return Purchases(
        rows=history.rows,
        baskets=history.baskets,
        decayed_short=history.decayed_short * np.float32(0.5 ** (elapsed_days / HALF_LIFE_SHORT)),
        decayed_long=history.decayed_long * np.float32(0.5 ** (elapsed_days / HALF_LIFE_LONG)),
        first_day=history.first_day,
        last_day=history.last_day,
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
