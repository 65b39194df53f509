from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.online.live_events import (
    MS_PER_DAY,
    NO_LIVE_EVENTS,
    LiveEvent,
    LiveEvents,
    LivePlace,
    PlaceKind,
)
from features.online.live_value import pack, unpack
from features.shopper import assemble
from recommender.catalogue import Catalogue, CatalogueItem
from recommender.ids import GroupId, ItemId, ItemNumber, UserId
from recommender.model import Histories
from recommender.shopper import EventKind, Shopper

N_ITEMS = 8
CUT_DAY = 20_000.0
NOW_DAY = 20_010.0
ANN = UserId("ann")
CATALOGUE = Catalogue.of(
    CatalogueItem(
        item_id=ItemId(f"item-{row}"), item_number=ItemNumber(row + 1), group_id=GroupId(f"item-{row}"),
        title="", price=100, currency="USD", added_day=0.0,
    )
    for row in range(N_ITEMS)
)  # fmt: skip


def histories(rows: list[int]) -> Histories:
    """One shopper, who bought each of `rows` in two baskets: 100 days before the cut and just before the cut."""
    n = len(rows)
    return Histories(
        cut_day=CUT_DAY,
        position_of={ANN: 0},
        offsets=np.array([0, n], dtype=np.int64),
        rows=np.array(rows, dtype=np.int32),
        baskets=np.full(n, 2, dtype=np.float32),
        decayed_short=np.full(n, 1 + 0.5 ** (100 / 28), dtype=np.float32),
        decayed_long=np.full(n, 1 + 0.5 ** (100 / 120), dtype=np.float32),
        first_day=np.full(n, CUT_DAY - 100),
        last_day=np.full(n, CUT_DAY),
        n_baskets=np.array([2], dtype=np.int32),
        first_basket_day=np.array([CUT_DAY - 100]),
        coupons_redeemed=np.zeros(1, dtype=np.float32),
        coupons_expected=np.zeros(1, dtype=np.float32),
    )


def happened(*events: tuple[EventKind, int, timedelta]) -> LiveEvents:
    """Events of (kind, row, how long ago)."""
    live = [
        LiveEvent(
            event_id=f"{i}", line=0, kind=kind, item_number=ItemNumber(row + 1), quantity=1.0,
            occurred_ms=round(NOW_DAY * MS_PER_DAY - ago.total_seconds() * 1000),
        )
        for i, (kind, row, ago) in enumerate(events)
    ]  # fmt: skip
    return unpack([pack(live)])


def shopper_of(*events: tuple[EventKind, int, timedelta], bought: tuple[int, ...] = ()) -> Shopper:
    live = happened(*events)
    return assemble(
        user_id=ANN if bought else None, live=live, histories=histories(list(bought)), catalogue=CATALOGUE,
        now_day=NOW_DAY,
    )  # fmt: skip


def ago(**parts: float) -> timedelta:
    return timedelta(**parts)


VIEWED, ADDED, REMOVED, ORDERED = EventKind.VIEWED, EventKind.ADDED, EventKind.REMOVED, EventKind.ORDERED


def test_a_stranger_is_the_default():
    shopper = assemble(
        user_id=UserId("new"), live=NO_LIVE_EVENTS, histories=histories([1]), catalogue=CATALOGUE, now_day=NOW_DAY
    )
    assert not shopper.known
    assert shopper.n_baskets == 0
    assert np.isnan(shopper.first_day)


def test_history_fades_from_the_cut_to_now():
    purchases = shopper_of(bought=(2, 5)).purchases
    assert purchases.rows.tolist() == [2, 5]
    assert purchases.decayed_short == pytest.approx([0.5 ** (10 / 28) + 0.5 ** (110 / 28)] * 2)
    assert purchases.decayed_long == pytest.approx([0.5 ** (10 / 120) + 0.5 ** (110 / 120)] * 2)


def test_orders_since_the_cut_join_the_history():
    shopper = shopper_of((ORDERED, 5, ago(days=1)), (ORDERED, 0, ago(days=1)), bought=(2, 5))
    assert shopper.purchases.rows.tolist() == [0, 2, 5]
    assert shopper.purchases.baskets.tolist() == [1, 2, 3]
    assert shopper.purchases.first_day.tolist() == [NOW_DAY - 1, CUT_DAY - 100, CUT_DAY - 100]
    assert shopper.purchases.last_day.tolist() == [NOW_DAY - 1, CUT_DAY, NOW_DAY - 1]
    assert shopper.n_baskets == 4
    assert shopper.first_day == CUT_DAY - 100


def test_an_order_before_the_cut_counts_once():
    assert shopper_of((ORDERED, 2, ago(days=10, seconds=1)), bought=(2,)).purchases.baskets.tolist() == [2]
    assert shopper_of((ORDERED, 2, ago(days=10, seconds=1))).purchases.baskets.tolist() == [1]


def test_a_pause_ends_the_session():
    shopper = shopper_of(
        (VIEWED, 1, ago(minutes=29)), (ADDED, 2, ago(minutes=40)), (VIEWED, 1, ago(minutes=50)),
        (VIEWED, 3, ago(minutes=81)),
    )  # fmt: skip
    assert shopper.session.tolist() == [1, 2]
    assert shopper_of((VIEWED, 1, ago(minutes=31))).session.tolist() == []


def test_the_cart_holds_what_was_added_and_neither_removed_nor_ordered_since():
    shopper = shopper_of(
        (ADDED, 1, ago(hours=1)), (REMOVED, 2, ago(hours=1)), (ADDED, 2, ago(hours=2)), (ADDED, 3, ago(hours=3)),
        (ORDERED, 3, ago(hours=3)), (ADDED, 4, ago(hours=25)), (REMOVED, 5, ago(hours=5)), (ADDED, 5, ago(hours=4)),
    )  # fmt: skip
    assert shopper.cart.tolist() == [1, 5]


def test_items_that_this_catalogue_lacks_are_left_out():
    shopper = shopper_of((VIEWED, 100, ago(minutes=1)), (ORDERED, 99, ago(minutes=2)), (VIEWED, 1, ago(minutes=3)))
    assert shopper.touches.rows.tolist() == [1]
    assert shopper.session.tolist() == [1]
    assert len(shopper.purchases) == 0


def order(order_id: str, lines: dict[int, float], days_ago: float, kind: EventKind = ORDERED) -> list[LiveEvent]:
    """An order, or what takes it back: rows with their quantities; no rows: the whole order."""
    listed: list[tuple[int | None, float]] = list(lines.items()) if lines else [(None, np.inf)]
    return [
        LiveEvent(
            event_id=f"{order_id} {kind.name} {days_ago}", line=line, kind=kind, order_id=order_id, quantity=quantity,
            item_number=None if row is None else ItemNumber(row + 1),
            occurred_ms=round((NOW_DAY - days_ago) * MS_PER_DAY),
        )
        for line, (row, quantity) in enumerate(listed)
    ]  # fmt: skip


def baskets_of(*events: list[LiveEvent], bought: tuple[int, ...] = ()) -> tuple[dict[int, float], int]:
    """Baskets by row, and orders in all."""
    shopper = assemble(
        user_id=ANN if bought else None, live=unpack([pack(event for of in events for event in of)]),
        histories=histories(list(bought)), catalogue=CATALOGUE, now_day=NOW_DAY,
    )  # fmt: skip
    purchases = shopper.purchases
    return dict(zip(purchases.rows.tolist(), purchases.baskets.tolist(), strict=True)), shopper.n_baskets


REFUNDED, CANCELLED = EventKind.REFUNDED, EventKind.CANCELLED


def test_an_order_since_the_cut_is_taken_back_whole_or_by_item():
    bought = order("o1", {1: 1.0, 2: 2.0}, days_ago=3)
    assert baskets_of(bought, order("o1", {}, days_ago=1, kind=CANCELLED)) == ({}, 0)
    assert baskets_of(bought, order("o1", {1: 1.0}, days_ago=1, kind=REFUNDED)) == ({2: 1.0}, 1)
    assert baskets_of(bought, order("o1", {1: 1.0, 2: np.inf}, days_ago=1, kind=REFUNDED)) == ({}, 0)
    assert baskets_of(bought, order("another", {}, days_ago=1, kind=CANCELLED)) == ({1: 1.0, 2: 1.0}, 1)


def test_parts_of_an_item_add_up_to_all_of_it():
    bought = order("o1", {1: 0.3}, days_ago=3)
    first, second = (order("o1", {1: part}, days_ago=at, kind=REFUNDED) for part, at in ((0.1, 2), (0.2, 1)))
    assert baskets_of(bought, first) == ({1: 1.0}, 1)
    assert baskets_of(bought, first, second) == ({}, 0)


def test_what_was_bought_before_the_cut_and_taken_back_since_lowers_the_history():
    old = order("o1", {1: 1.0, 2: 1.0}, days_ago=12)
    assert baskets_of(old, bought=(1, 2)) == ({1: 2.0, 2: 2.0}, 2)
    assert baskets_of(old, order("o1", {}, 1, REFUNDED), bought=(1, 2)) == ({1: 1.0, 2: 1.0}, 1)
    assert baskets_of(old, order("o1", {1: 1.0}, 1, REFUNDED), bought=(1, 2)) == ({1: 1.0, 2: 2.0}, 2)
    assert baskets_of(old, order("o1", {}, 11, REFUNDED), bought=(1, 2)) == ({1: 2.0, 2: 2.0}, 2)  # the history knows


def test_of_an_order_that_live_state_never_saw_the_named_items_are_taken_back():
    first, again = order("o1", {1: 3.0}, 2, REFUNDED), order("o2", {1: 1.0}, 1, REFUNDED)
    assert baskets_of(first, bought=(1, 2)) == ({1: 1.0, 2: 2.0}, 2)
    assert baskets_of(first, again, bought=(1, 2)) == ({2: 2.0}, 2)
    assert baskets_of(order("o1", {}, 1, CANCELLED), bought=(1, 2)) == ({1: 2.0, 2: 2.0}, 1)
    assert baskets_of(first) == ({}, 0)


def test_an_item_taken_back_does_not_return_to_the_cart_nor_begin_a_session():
    shopper = assemble(
        user_id=None, live=unpack([pack([*order("o1", {1: 1.0}, 0.01), *order("o1", {}, 0.001, REFUNDED),
            LiveEvent(event_id="a", line=0, kind=ADDED, item_number=ItemNumber(2), quantity=1.0,
                      occurred_ms=round((NOW_DAY - 0.02) * MS_PER_DAY))])]),
        histories=histories([]), catalogue=CATALOGUE, now_day=NOW_DAY,
    )  # fmt: skip
    assert shopper.cart.tolist() == []
    assert shopper.touches.kinds.tolist() == [ADDED]


def last_place(kind: PlaceKind, place_id: str, **before: float) -> LivePlace:
    moment = round(NOW_DAY * MS_PER_DAY - timedelta(**before).total_seconds() * 1000)
    return LivePlace(kind=kind, place_id=place_id, occurred_ms=moment)


def places_of(*places: LivePlace) -> tuple[str | None, str | None]:
    shopper = assemble(
        user_id=None, live=unpack([pack(places)]), histories=histories([]), catalogue=CATALOGUE, now_day=NOW_DAY
    )
    return shopper.store_id, shopper.zone_id


def test_a_shopper_is_where_the_latest_event_was_until_long_after():
    store, zone = last_place(PlaceKind.STORE, "s1", hours=12), last_place(PlaceKind.ZONE, "dairy", minutes=30)
    assert places_of(store, zone) == ("s1", "dairy")
    assert places_of(last_place(PlaceKind.STORE, "s2", minutes=1), store) == ("s2", None)
    assert places_of(last_place(PlaceKind.STORE, "s1", hours=12, milliseconds=1)) == (None, None)
    assert places_of(last_place(PlaceKind.ZONE, "dairy", minutes=30, milliseconds=1)) == (None, None)
    assert places_of(zone, last_place(PlaceKind.LEFT_ZONE, "dairy", minutes=29)) == (None, None)
    assert places_of(zone, last_place(PlaceKind.LEFT_ZONE, "bakery", minutes=29)) == (None, "dairy")
    assert places_of(zone, last_place(PlaceKind.LEFT_ZONE, "dairy", minutes=31)) == (None, "dairy")


moments = st.integers(0, 60).map(lambda hours: timedelta(hours=hours))
doings = (VIEWED, ADDED, REMOVED, ORDERED)
histories_of_events = st.lists(st.tuples(st.sampled_from(doings), st.integers(0, N_ITEMS - 1), moments), max_size=30)


@given(histories_of_events, st.sets(st.integers(0, N_ITEMS - 1), min_size=1))
def test_purchases_are_the_history_and_each_order_once(events, bought):
    shopper = shopper_of(*events, bought=tuple(sorted(bought)))
    orders = [(row, event) for event, (kind, row, _) in enumerate(events) if kind == ORDERED]
    for row, baskets in zip(shopper.purchases.rows, shopper.purchases.baskets, strict=True):
        assert baskets == 2 * (row in bought) + sum(row == ordered for ordered, _ in orders)
    assert shopper.purchases.rows.tolist() == sorted(bought | {row for row, _ in orders})
    assert shopper.n_baskets == 2 + len(orders)
    assert (shopper.purchases.first_day <= shopper.purchases.last_day).all()
