"""The same events give the same shopper: online from live state on a real Valkey, offline from the event log."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from features.definitions import TAKES_BACK
from features.events.schema import EVENT_COLUMNS, ITEM_EVENTS
from features.offline.histories import build_histories, purchases_before
from features.offline.purchases import read_purchases
from features.offline.sessions import carts_at, sessions_at
from features.online.connection import connect
from features.online.live_state import NO_LIVE_EVENTS, LiveEvent, LiveEvents, LiveState
from features.settings import Settings
from features.shopper import assemble
from recommender.catalogue import Catalogue, CatalogueItem
from recommender.ids import GroupId, ItemId, ItemNumber, UserId
from recommender.model import Histories
from recommender.shopper import EventKind, Purchases, Shopper

ANN = UserId("ann")
N_ITEMS = 6
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY_MS = 86_400_000
NOW_MS = int(NOW.timestamp() * 1000)
NOW_DAY = NOW_MS / DAY_MS
CATALOGUE = Catalogue.of(
    CatalogueItem(
        item_id=ItemId(f"item-{row}"), item_number=ItemNumber(row + 10), group_id=GroupId(f"item-{row}"),
        title="", price=100, currency="USD", added_day=0.0,
    )
    for row in range(N_ITEMS)
)  # fmt: skip

# How long ago: minutes and hours around the ends of sessions and carts, and days for the decays.
ages_ms = st.one_of(
    st.integers(0, 100).map(lambda minutes: minutes * 60_000),
    st.integers(0, 30).map(lambda hours: hours * 3_600_000),
    st.integers(1, 50 * DAY_MS),
)


@st.composite
def visits(draw: st.DrawFn) -> list[LiveEvent]:
    """Up to 60 events: single items, orders of several items, and what takes some of them back, in no order."""
    events: list[LiveEvent] = []

    def happen(kind: EventKind, lines: list[tuple[int | None, float]], order_id: str | None = None) -> None:
        occurred_ms, event_id = NOW_MS - draw(ages_ms), f"event-{len(events)}"
        events.extend(
            LiveEvent(
                event_id=event_id, line=line, kind=kind, order_id=order_id, quantity=quantity, occurred_ms=occurred_ms,
                item_number=None if row is None else ItemNumber(row + 10),
            )
            for line, (row, quantity) in enumerate(lines)
        )  # fmt: skip

    rows, n_orders = st.integers(0, N_ITEMS - 1), draw(st.integers(0, 6))
    for _ in range(draw(st.integers(0, 12))):
        happen(draw(st.sampled_from((EventKind.VIEWED, EventKind.ADDED, EventKind.REMOVED))), [(draw(rows), 1.0)])
    for number in range(n_orders):
        happen(
            EventKind.ORDERED,
            draw(st.lists(st.tuples(rows, st.sampled_from((1.0, 2.0, 0.35))), min_size=1, max_size=4)),
            f"order-{number}",
        )
    for _ in range(draw(st.integers(0, 4)) if n_orders else 0):
        parts = draw(st.lists(st.tuples(rows, st.sampled_from((0.35, 1.0, 2.0, np.inf))), max_size=2))
        kind = draw(st.sampled_from((EventKind.REFUNDED, EventKind.CANCELLED)))
        happen(kind, [*parts] or [(None, np.inf)], f"order-{draw(st.integers(0, n_orders - 1))}")
    return events


def live_events(data_dir: Path, batches: list[list[LiveEvent]]) -> LiveEvents:
    """What live state says after taking in the batches."""

    async def run() -> LiveEvents:
        async with connect(Settings(data_dir=data_dir)) as redis:
            await redis.flushall()
            live = LiveState(redis)
            for batch in batches:
                await live.apply(batch, user_id=ANN)
            return await live.read(ANN, None)

    return asyncio.run(run())


def as_log(events: list[LiveEvent]) -> pl.LazyFrame:
    """The same events as rows of the event log."""
    rows = [
        {
            "event_id": event.event_id, "line": event.line, "event": ITEM_EVENTS[event.kind - 1], "user_id": ANN,
            "item_id": None if event.item_number is None else f"item-{event.item_number - 10}",
            "quantity": event.quantity if np.isfinite(event.quantity) else None, "order_id": event.order_id,
            "synthetic": False,
            "occurred_at": datetime.fromtimestamp(event.occurred_ms / 1000, UTC),
            "received_at": datetime.fromtimestamp(event.occurred_ms / 1000, UTC),
        }
        for event in events
    ]  # fmt: skip
    return pl.LazyFrame(rows, schema=EVENT_COLUMNS)


def with_rows(frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame.with_columns(item_row=pl.col("item_id").str.strip_prefix("item-").cast(pl.Int32))


def offline_histories(events: list[LiveEvent], cut_day: float) -> Histories:
    purchases = with_rows(purchases_before(read_purchases(as_log(events)), cut_day))
    return build_histories(purchases.select("user_id", "order_id", "item_row", "day"), cut_day)


def shopper_of(live: LiveEvents, histories: Histories) -> Shopper:
    return assemble(user_id=ANN, live=live, histories=histories, catalogue=CATALOGUE, now_day=NOW_DAY)


def assert_same_purchases(one: Purchases, other: Purchases) -> None:
    assert one.rows.tolist() == other.rows.tolist()
    np.testing.assert_array_equal(one.baskets, other.baskets)
    np.testing.assert_allclose(one.decayed_short, other.decayed_short, rtol=1e-5)
    np.testing.assert_allclose(one.decayed_long, other.decayed_long, rtol=1e-5)
    np.testing.assert_allclose(one.first_day, other.first_day, rtol=0, atol=1e-8)
    np.testing.assert_allclose(one.last_day, other.last_day, rtol=0, atol=1e-8)


quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def taken_in(data_dir: Path, events: list[LiveEvent], data: st.DataObject) -> LiveEvents:
    """The events with repeats, in any order and in two batches."""
    shuffled = data.draw(st.permutations(events + events[::3]))
    middle = data.draw(st.integers(0, len(shuffled)))
    return live_events(data_dir, [shuffled[:middle], shuffled[middle:]])


@quick
@given(visits(), st.data())
def test_purchases_since_the_cut_agree(valkey_data_dir, events, data):
    online = shopper_of(taken_in(valkey_data_dir, events, data), offline_histories(events, NOW_DAY - 60))
    offline = shopper_of(NO_LIVE_EVENTS, offline_histories(events, NOW_DAY + 1e-6))
    assert_same_purchases(online.purchases, offline.purchases)
    assert online.n_baskets == offline.n_baskets
    np.testing.assert_allclose(online.first_day, offline.first_day, rtol=0, atol=1e-8)


@quick
@given(visits(), st.floats(0, 55), st.data())
def test_what_was_bought_agrees_wherever_the_cut_lies(valkey_data_dir, events, days_before, data):
    cut_day = NOW_DAY - days_before
    online = shopper_of(taken_in(valkey_data_dir, events, data), offline_histories(events, cut_day))
    offline = shopper_of(NO_LIVE_EVENTS, offline_histories(events, NOW_DAY + 1e-6))
    assert online.purchases.rows.tolist() == offline.purchases.rows.tolist()
    assert online.purchases.baskets.tolist() == offline.purchases.baskets.tolist()
    assert online.n_baskets == offline.n_baskets
    if not any(event.kind in TAKES_BACK and event.occurred_ms / DAY_MS >= cut_day for event in events):
        assert_same_purchases(online.purchases, offline.purchases)


@quick
@given(visits(), st.data())
def test_session_and_cart_agree(valkey_data_dir, events, data):
    moments = {(event.occurred_ms, event.kind, event.event_id) for event in events}
    assume(len({moment[:2] for moment in moments}) == len(moments))  # what happens at once has no order
    touches = with_rows(as_log(events).filter(pl.col("item_id").is_not_null())).with_columns(
        kind=pl.col("event").replace_strict(dict(zip(ITEM_EVENTS, range(1, 7), strict=True)), return_dtype=pl.UInt8)
    )
    online = shopper_of(
        live_events(valkey_data_dir, [data.draw(st.permutations(events))]), offline_histories([], NOW_DAY)
    )
    for offline, rows in ((sessions_at(touches, NOW), online.session), (carts_at(touches, NOW), online.cart)):
        expected = offline.collect()["item_rows"].to_list()
        assert sorted(expected[0] if expected else []) == sorted(rows.tolist())
