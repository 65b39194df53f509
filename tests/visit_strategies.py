"""Random rows of the event log of one shopper, and both ways to a shopper: live state on a real Valkey, and Polars."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from hypothesis import strategies as st

from features.events.schema import (
    EVENT_COLUMNS,
    ORDER_COMPLETED,
    PRODUCT_ADDED,
    PRODUCT_REMOVED,
    PRODUCT_VIEWED,
    TAKES_BACK,
)
from features.offline.histories import build_histories, purchases_before
from features.offline.purchases import read_purchases
from features.online.connection import connect
from features.online.live_entries import ZONE_KINDS, entries_of
from features.online.live_state import LiveEvents, LiveState
from features.settings import Settings
from features.shopper import assemble
from recommender.catalogue import Catalogue, CatalogueItem
from recommender.ids import GroupId, ItemId, ItemNumber, UserId
from recommender.model import Histories
from recommender.shopper import Shopper

ANN = UserId("ann")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY_MS = 86_400_000
NOW_MS = int(NOW.timestamp() * 1000)
NOW_DAY = NOW_MS / DAY_MS
PRICES = (100, 250, 250, None, 900, 40)
BRANDS = ("own", None, "acme")
CATEGORIES = ("dairy", "dairy", "dairy", "bakery", "bakery", None)
CATALOGUE = Catalogue.of(
    CatalogueItem(
        item_id=ItemId(f"item-{row}"), item_number=ItemNumber(row + 10), group_id=GroupId(f"item-{row}"), title="",
        price=PRICES[row], currency="USD", added_day=0.0, category=CATEGORIES[row], brand=BRANDS[row % 3],
    )
    for row in range(len(PRICES))
)  # fmt: skip
NUMBERS = {item.item_id: item.item_number for item in CATALOGUE.items}

Row = dict[str, object]

# How long ago: minutes and hours around the ends of sessions and carts, days for the decays, and the very edges.
EDGES = [timedelta(minutes=30), timedelta(hours=1), timedelta(hours=12), timedelta(hours=24), timedelta(days=7)]
ages_ms = st.one_of(
    st.integers(0, 100).map(lambda minutes: minutes * 60_000),
    st.integers(0, 30).map(lambda hours: hours * 3_600_000),
    st.integers(1, 50 * DAY_MS),
    st.tuples(st.sampled_from(EDGES), st.sampled_from((-1, 0, 1))).map(
        lambda edge: round(edge[0] / timedelta(milliseconds=1)) + edge[1]
    ),
)
item_ids = st.sampled_from([item.item_id for item in CATALOGUE.items])
places = st.sampled_from(("a", "b", "é"))


@st.composite
def visits(draw: st.DrawFn) -> list[Row]:
    """Up to 50 rows of Ann: single items, orders of several, what takes some of them back, and walks; in no order."""
    rows: list[Row] = []

    def happen(event: str, lines: list[Row], **shared: object) -> None:
        event_id, moment = f"event-{len(rows)}", NOW - timedelta(milliseconds=draw(ages_ms))
        every: Row = {
            "event_id": event_id, "event": event, "user_id": ANN, "consent": ["in_store_location", "personalisation"],
            "synthetic": False, "occurred_at": moment, "received_at": moment, **shared,
        }  # fmt: skip
        rows.extend(every | {"line": number} | line for number, line in enumerate(lines))

    def item(*quantities: float | None) -> Row:
        return {"item_id": draw(item_ids), "quantity": draw(st.sampled_from(quantities))}

    n_orders = draw(st.integers(0, 6))
    for _ in range(draw(st.integers(0, 12))):
        happen(draw(st.sampled_from((PRODUCT_VIEWED, PRODUCT_ADDED, PRODUCT_REMOVED))), [item(1.0)])
    for number in range(n_orders):
        lines = [item(1.0, 2.0, 0.35, None) for _ in range(draw(st.integers(1, 4)))]
        happen(ORDER_COMPLETED, lines, order_id=f"order-{number}", store_id=draw(st.none() | places))
    for _ in range(draw(st.integers(0, 4)) if n_orders else 0):
        lines = [item(0.35, 1.0, 2.0, None) for _ in range(draw(st.integers(0, 2)))]
        order_id = f"order-{draw(st.integers(0, n_orders - 1))}"
        happen(draw(st.sampled_from(TAKES_BACK)), lines or [{}], order_id=order_id)
    for _ in range(draw(st.integers(0, 4))):
        happen(draw(st.sampled_from(list(ZONE_KINDS))), [{}], zone_id=draw(places), store_id=draw(st.none() | places))
    return rows


def as_log(rows: list[Row]) -> pl.LazyFrame:
    """The event log that holds these rows."""
    return pl.LazyFrame(rows, schema=EVENT_COLUMNS)


def taken_in(data_dir: Path, rows: list[Row], data: st.DataObject) -> LiveEvents:
    """What live state says of Ann after the rows, with repeats, in any order and in two batches."""
    shuffled = data.draw(st.permutations(rows + rows[::3]))
    middle = data.draw(st.integers(0, len(shuffled)))

    async def run() -> LiveEvents:
        async with connect(Settings(data_dir=data_dir)) as redis:
            await redis.flushall()
            live = LiveState(redis)
            for batch in (shuffled[:middle], shuffled[middle:]):
                await live.apply([entry for row in batch for entry in entries_of(row, NUMBERS.get)], user_id=ANN)
            return await live.read(ANN, None)

    return asyncio.run(run())


def offline_histories(rows: list[Row], cut_day: float) -> Histories:
    """Histories that training builds from the log at a cut."""
    purchases = with_rows(purchases_before(read_purchases(as_log(rows)), cut_day))
    return build_histories(purchases.select("user_id", "order_id", "item_row", "day"), cut_day)


def with_rows(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The frame with item_row i32."""
    return frame.with_columns(item_row=pl.col("item_id").str.strip_prefix("item-").cast(pl.Int32))


def shopper_of(live: LiveEvents, histories: Histories) -> Shopper:
    """Ann as the service sees her now."""
    return assemble(user_id=ANN, live=live, histories=histories, catalogue=CATALOGUE, now_day=NOW_DAY)
