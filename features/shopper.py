"""A shopper as of now: what the artifact knows up to its cut, and what live state saw since, put together."""

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

_IS_CART_KIND = np.isin(np.arange(256), CART_KINDS)
_IS_SESSION_KIND = np.isin(np.arange(256), SESSION_KINDS)


def assemble(
    *, user_id: UserId | None, live: LiveEvents, histories: Histories, catalogue: Catalogue, now_day: float
) -> Shopper:
    """Put one shopper together.

    An order that happened up to the histories' cut counts once: from the history, if the shopper has one.
    """
    position = None if user_id is None else histories.position_of.get(user_id)
    touches, session = _read_live(live, catalogue, now_day)
    if user_id is None or position is None:
        history, n_baskets, first_day, cut_day = NO_PURCHASES, 0, np.nan, -np.inf
    else:
        history = _bring_forward(histories.of(user_id) or NO_PURCHASES, now_day - histories.cut_day)
        n_baskets, cut_day = int(histories.n_baskets[position]), histories.cut_day
        first_day = float(histories.first_basket_day[position])
    ordered = (touches.kinds == EventKind.ORDERED) & (touches.days > cut_day)
    if not ordered.any():
        purchases = history
    else:
        days = touches.days[ordered]
        purchases = add_purchases(history, count_orders(touches.rows[ordered], days, now_day))
        n_baskets += len(set(days.tolist()))
        first_day = float(np.fmin(first_day, days[-1]))
    return Shopper(
        purchases=purchases,
        n_baskets=n_baskets,
        first_day=first_day,
        touches=touches,
        session=session,
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
    ends = np.append(starts[1:], len(rows))
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
    """The purchases of both, which share no order and are decayed to the same day."""
    if not len(earlier):
        return later
    rows = np.concatenate([earlier.rows, later.rows])
    order = np.argsort(rows, kind="stable")
    rows = rows[order]
    starts = np.flatnonzero(_starts(rows))

    def total(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.add.reduceat(np.concatenate([a, b])[order], starts)

    first_day = np.concatenate([earlier.first_day, later.first_day])[order]
    last_day = np.concatenate([earlier.last_day, later.last_day])[order]
    return Purchases(
        rows=rows[starts],
        baskets=total(earlier.baskets, later.baskets),
        decayed_short=total(earlier.decayed_short, later.decayed_short),
        decayed_long=total(earlier.decayed_long, later.decayed_long),
        first_day=np.minimum.reduceat(first_day, starts),
        last_day=np.maximum.reduceat(last_day, starts),
    )


def session_length(days: NDArray[np.float64], now_day: float) -> int:
    """How many of the newest events belong to the session at hand; 0 after too long a pause.

    `days` are (n,) moments of events, newest first.
    """
    pauses = -np.diff(days, prepend=now_day)
    ended = pauses > SESSION_PAUSE_DAYS
    return int(ended.argmax()) if ended.any() else len(days)


def cart_of(touches: Touches, now_day: float) -> Rows:
    """Rows in the cart: added lately, and not removed or ordered since; newest first."""
    kinds = touches.kinds
    if EventKind.ADDED not in kinds:
        return EMPTY_ROWS
    relevant = _IS_CART_KIND[kinds] & (touches.days >= now_day - CART_WINDOW_DAYS)
    latest = dict[int, int]()
    for row, kind in zip(touches.rows[relevant].tolist(), kinds[relevant].tolist(), strict=True):
        latest.setdefault(row, kind)
    rows = [row for row, kind in latest.items() if kind == EventKind.ADDED]
    return np.array(rows, dtype=np.int32)


def _read_live(live: LiveEvents, catalogue: Catalogue, now_day: float) -> tuple[Touches, Rows]:
    """Live events by item row, and the rows of the session; items that this catalogue lacks are left out."""
    if not len(live):
        return NO_TOUCHES, EMPTY_ROWS
    rows = catalogue.rows_of_numbers(live.numbers)
    n_session = session_length(live.days, now_day)
    shown = rows[:n_session][_IS_SESSION_KIND[live.kinds[:n_session]]]
    session = np.array([row for row in dict.fromkeys(shown.tolist()) if row >= 0], dtype=np.int32)
    known = rows >= 0
    if known.all():
        return Touches(rows=rows, kinds=live.kinds, days=live.days), session
    return Touches(rows=rows[known], kinds=live.kinds[known], days=live.days[known]), session


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
