"""A shopper as of now: what the artifact knows up to its cut, and what live state saw since, put together."""

from collections.abc import Iterator, Mapping

import numpy as np

from features.definitions import (
    CART_KINDS,
    CART_WINDOW_DAYS,
    SESSION_KINDS,
    SESSION_PAUSE_DAYS,
    STORE_WINDOW_DAYS,
    ZONE_WINDOW_DAYS,
)
from features.online.live_events import LastPlace, LiveEvents, PlaceKind
from features.purchases import add_purchases, bring_forward, count_orders, lower
from features.taken_back import taken_back
from recommender.arrays import EMPTY_ROWS, Mask, Rows
from recommender.catalogue import Catalogue
from recommender.ids import UserId
from recommender.model import Histories
from recommender.shopper import NO_PURCHASES, NO_TOUCHES, EventKind, Shopper, Touches

# Plain integers: comparing with a member of an enumeration is slow.
_ADDED, _ORDERED = int(EventKind.ADDED), int(EventKind.ORDERED)
_SESSION_KINDS, _CART_KINDS = frozenset(map(int, SESSION_KINDS)), frozenset(map(int, CART_KINDS))


def assemble(
    *, user_id: UserId | None, live: LiveEvents, histories: Histories, catalogue: Catalogue, now_day: float
) -> Shopper:
    """Put one shopper together.

    An order before the histories' cut counts once: from the history, if the shopper has one. What was refunded or
    cancelled counts as never bought; of the history, that takes away what `features.taken_back` can tell.
    """
    position = None if user_id is None else histories.position_of.get(user_id)
    if user_id is None or position is None:
        history, n_baskets, first_day, cut_day = NO_PURCHASES, 0, np.nan, -np.inf
        redeemed, expected = 0.0, 0.0
    else:
        history = bring_forward(histories.of(user_id) or NO_PURCHASES, now_day - histories.cut_day)
        n_baskets, cut_day = int(histories.n_baskets[position]), histories.cut_day
        first_day = float(histories.first_basket_day[position])
        redeemed = float(histories.coupons_redeemed[position])
        expected = float(histories.coupons_expected[position])
    if not len(live):  # as it is with most
        return Shopper(
            purchases=history,
            n_baskets=n_baskets,
            first_day=first_day if n_baskets else np.nan,
            coupons_redeemed=redeemed,
            coupons_expected=expected,
            shown=live.shown,
            store_id=store_of(live.places, now_day),
            zone_id=zone_of(live.places, now_day),
        )
    rows = catalogue.rows_of_numbers(live.numbers)
    known, kept = rows >= 0, None
    if live.kinds.max() > _ORDERED:
        known &= live.kinds <= _ORDERED
        taken = taken_back(live, rows, cut_day)
        kept = known & ~taken.events
        history = lower(history, taken.rows_before)
        n_baskets = max(n_baskets - taken.orders_before, 0)
    done = _touches_of(live, rows, known)
    touches = done if kept is None else _touches_of(live, rows, kept)
    ordered = np.flatnonzero((touches.kinds == _ORDERED) & (touches.days >= cut_day))
    purchases = history
    if len(ordered):
        days, orders = touches.days[ordered], live.orders[known if kept is None else kept][ordered]
        purchases = add_purchases(history, count_orders(touches.rows[ordered], orders, days, now_day))
        n_baskets += len(set(orders.tolist()))
        first_day = float(np.fmin(first_day, days[-1]))
    seen = seen_in_session(done, now_day)
    return Shopper(
        purchases=purchases,
        n_baskets=n_baskets,
        first_day=first_day if n_baskets else np.nan,
        touches=touches,
        session=np.array(list(dict.fromkeys(seen)), dtype=np.int32) if seen else EMPTY_ROWS,
        seen=np.array(seen, dtype=np.int32) if seen else EMPTY_ROWS,
        cart=cart_of(done, now_day),
        coupons_redeemed=redeemed,
        coupons_expected=expected,
        shown=live.shown,
        store_id=store_of(live.places, now_day),
        zone_id=zone_of(live.places, now_day),
    )


def seen_in_session(touches: Touches, now_day: float) -> list[int]:
    """Rows viewed or added in the session at hand, newest first, with repeats; none after too long a pause."""
    rows = list[int]()
    later = now_day
    for row, kind, day in _walk(touches):
        if later - day > SESSION_PAUSE_DAYS:
            break
        if kind in _SESSION_KINDS:
            rows.append(row)
        later = day
    return rows


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


def store_of(places: Mapping[PlaceKind, LastPlace], now_day: float) -> str | None:
    """The store that the shopper was in of late."""
    store = places.get(PlaceKind.STORE)
    return store.place_id if store is not None and now_day - store.day <= STORE_WINDOW_DAYS else None


def zone_of(places: Mapping[PlaceKind, LastPlace], now_day: float) -> str | None:
    """The zone that the shopper was in of late, and has not left since."""
    zone, left = places.get(PlaceKind.ZONE), places.get(PlaceKind.LEFT_ZONE)
    if zone is None or now_day - zone.day > ZONE_WINDOW_DAYS:
        return None
    return None if left is not None and left.place_id == zone.place_id and left.day >= zone.day else zone.place_id


def _touches_of(live: LiveEvents, rows: Rows, chosen: Mask) -> Touches:
    """The chosen events by item row."""
    if not len(live):
        return NO_TOUCHES
    if chosen.all():
        return Touches(rows=rows, kinds=live.kinds, days=live.days)
    return Touches(rows=rows[chosen], kinds=live.kinds[chosen], days=live.days[chosen])
