"""However events are repeated, reordered and batched, the shopper comes out the same."""

import asyncio
import itertools
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from features.definitions import ACCEPTED_AGE
from features.events.drain import drain
from features.events.log import scan_events
from features.online.connection import connect
from features.online.embedded import socket_path
from features.online.keys import LIVE_STATE_PREFIX
from features.settings import Settings
from serving.access import TRUSTED
from serving.events.arrival import Arrival
from tests.ingesting import ingest_over
from tests.integration.events.test_ingestion import NOW

USERS, VISITORS = ("ann", "bob"), ("phone", "tablet")
NAMES = (
    "Product Viewed", "Product Added", "Product Removed", "Order Completed", "Order Refunded", "Order Cancelled",
    "Zone Entered",
)  # fmt: skip
GRANTED = {"consent": {"categoryPreferences": {"personalisation": True, "in_store_location": True}}}


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Events of different ids, some of them late or in the future."""
    n = draw(st.integers(1, 12))
    return [
        {
            "messageId": f"m{number}", "event": draw(st.sampled_from(NAMES)), "context": GRANTED,
            "userId": draw(st.sampled_from(USERS)), "anonymousId": draw(st.sampled_from(VISITORS)),
            "timestamp": (NOW - timedelta(minutes=draw(st.integers(-60, 60 * 24 * 9)))).isoformat(),
            "properties": {
                "order_id": draw(st.sampled_from(["1", "2"])), "store_id": "7", "zone_id": draw(st.sampled_from("xy")),
                "products": [
                    {"product_id": item}
                    for item in draw(st.lists(st.sampled_from(["milk", "bread"]), min_size=1, max_size=3))
                ],
            },
        }
        for number in range(n)
    ]  # fmt: skip


def counts_live(event: dict[str, Any]) -> bool:
    return event["event"] == "Product Viewed" and NOW - datetime.fromisoformat(event["timestamp"]) < ACCEPTED_AGE


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    """A history, and the batches in which it arrives: in any order, with repeats."""
    history = draw(histories())
    arriving = draw(st.permutations(history + draw(st.lists(st.sampled_from(history), max_size=6))))
    cuts = sorted(draw(st.sets(st.integers(1, len(arriving)), max_size=4)) | {0, len(arriving)})
    return history, [list(arriving[start:end]) for start, end in itertools.pairwise(cuts)]


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, redis_url=f"unix://{socket_path(valkey_data_dir)}")


def deliver(shop: Settings, batches: list[list[dict[str, Any]]]) -> tuple[dict[bytes, bytes], pl.DataFrame]:
    """Live state by key, and the log, of an empty shop after these batches."""

    async def run() -> None:
        async with connect(shop) as redis:
            ingest = ingest_over(redis, shop)
            for batch in batches:
                await ingest(
                    [orjson.dumps(event) for event in batch], Arrival(now=NOW, received_at=NOW, access=TRUSTED)
                )

    assert shop.redis_url is not None
    with Redis.from_url(shop.redis_url) as redis:
        redis.flushall()
        for file in shop.events_dir.rglob("*.parquet"):
            file.unlink()
        asyncio.run(run())
        live = {key: redis.get(key) for key in redis.scan_iter(f"{LIVE_STATE_PREFIX}*")}
        drain(redis, shop)
    return live, scan_events(shop).sort("event_id", "line").collect()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deliveries())
def test_the_same_events_give_the_same_state_and_log_however_they_arrive(shop, delivery):
    history, batches = delivery
    live, log = deliver(shop, [history])
    assert live or not any(counts_live(event) for event in history)
    again, same_log = deliver(shop, batches)
    assert again == live
    assert same_log.equals(log)
