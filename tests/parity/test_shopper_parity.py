"""The same events give the same shopper: online from live state on a real Valkey, offline from the event log."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

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
    """Up to 40 events: single items, and orders of several items at one moment."""
    events: list[LiveEvent] = []
    for number in range(draw(st.integers(0, 15))):
        kind = draw(st.sampled_from(EventKind))
        rows = draw(st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=4 if kind == EventKind.ORDERED else 1))
        occurred_ms = NOW_MS - draw(ages_ms)
        events += [
            LiveEvent(
                event_id=f"event-{number}", line=line, kind=kind, item_number=ItemNumber(row + 10), quantity=1.0,
                occurred_ms=occurred_ms,
            )
            for line, row in enumerate(rows)
        ]  # fmt: skip
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
            "item_id": f"item-{event.item_number - 10}", "quantity": event.quantity, "synthetic": False,
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


quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(visits(), st.floats(0, 55), st.data())
def test_purchases_agree_wherever_the_cut_lies(valkey_data_dir, events, days_before, data):
    moments = [event.occurred_ms for event in events if event.kind == EventKind.ORDERED]
    ids = {event.event_id for event in events if event.kind == EventKind.ORDERED}
    assume(len(set(moments)) == len(ids))  # live state tells orders apart by their moment
    shuffled = data.draw(st.permutations(events + events[::3]))
    middle = data.draw(st.integers(0, len(shuffled)))
    live = live_events(valkey_data_dir, [shuffled[:middle], shuffled[middle:]])

    online = shopper_of(live, offline_histories(events, NOW_DAY - days_before))
    offline = shopper_of(NO_LIVE_EVENTS, offline_histories(events, NOW_DAY + 1e-6))
    assert_same_purchases(online.purchases, offline.purchases)
    assert online.n_baskets == offline.n_baskets
    np.testing.assert_allclose(online.first_day, offline.first_day, rtol=0, atol=1e-8)


@quick
@given(visits(), st.data())
def test_session_and_cart_agree(valkey_data_dir, events, data):
    moments = {(event.occurred_ms, event.kind, event.event_id) for event in events}
    assume(len({moment[:2] for moment in moments}) == len(moments))  # what happens at once has no order
    touches = with_rows(as_log(events)).with_columns(
        kind=pl.col("event").replace_strict(dict(zip(ITEM_EVENTS, range(1, 7), strict=True)), return_dtype=pl.UInt8)
    )
    online = shopper_of(
        live_events(valkey_data_dir, [data.draw(st.permutations(events))]), offline_histories([], NOW_DAY)
    )
    for offline, rows in ((sessions_at(touches, NOW), online.session), (carts_at(touches, NOW), online.cart)):
        expected = offline.collect()["item_rows"].to_list()
        assert sorted(expected[0] if expected else []) == sorted(rows.tolist())
