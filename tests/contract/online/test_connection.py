"""A single server and a cluster, reached through the same settings."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest
from redis import Redis as BlockingRedis
from redis.asyncio import Redis

from features.events.drain import drain
from features.events.stream import EventStream
from features.online.connection import check_redis, connect, connect_blocking
from features.settings import Settings
from recommender.errors import StoreUnavailable
from recommender.ids import RecommendationId
from serving.decisions.store import DecisionTraces
from tests.contract.events.event_rows import logged, order

T = TypeVar("T")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def with_redis(deployment: Settings, work: Callable[[Redis], Awaitable[T]]) -> T:
    async def run() -> T:
        redis = connect(deployment)
        try:
            await redis.flushall()
            return await work(redis)
        finally:
            await redis.aclose()

    return asyncio.run(run())


def test_what_keeps_its_data_is_let_pass(deployment):
    assert "valkey" in with_redis(deployment, check_redis)


@pytest.mark.parametrize(("setting", "lossy", "says"), [
    ("maxmemory-policy", "allkeys-lru", "evicts keys"), ("appendfsync", "everysec", "syncs its append-only file"),
])  # fmt: skip
def test_a_cluster_with_one_node_that_could_lose_events_is_refused(
    cluster_port: int, tmp_path: Path, setting: str, lossy: str, says: str
):
    deployment = Settings(data_dir=tmp_path, redis_url=f"redis+cluster://127.0.0.1:{cluster_port}")
    with connect_blocking(deployment) as cluster:
        port = max(node.port for node in cluster.get_nodes())  # pyright: ignore[reportAttributeAccessIssue]
    with BlockingRedis(port=port) as node:
        good = node.config_get(setting)[setting]
        node.config_set(setting, lossy)
        try:
            with pytest.raises(StoreUnavailable, match=f"127.0.0.1:{port} {says}"):
                with_redis(deployment, check_redis)
        finally:
            node.config_set(setting, good)
    assert with_redis(deployment, check_redis).startswith("3 nodes of valkey")


def test_an_event_is_new_once(deployment):
    async def send_twice(redis: Redis) -> list[list[bool]]:
        stream = EventStream(redis)
        events = [[{"event_id": f"e{i}", "line": 0, "received_at": NOW}] for i in range(3)]
        return [await stream.append_once(events[:2]), await stream.append_once(events)]

    assert with_redis(deployment, send_twice) == [[True, True], [False, False, True]]


def test_the_stream_is_drained_into_the_log(deployment, tmp_path):
    async def send(redis: Redis) -> list[bool]:
        return await EventStream(redis).append_once([order("e1", n_lines=2), order("e2")])

    assert with_redis(deployment, send) == [True, True]
    with connect_blocking(deployment) as redis:
        log = Settings(data_dir=tmp_path / "log")
        assert drain(redis, log).rows == 3
        assert drain(redis, log).rows == 0
    assert logged(log) == [("e1", 0), ("e1", 1), ("e2", 0)]


def test_a_trace_can_be_read_again(deployment):
    async def keep(redis: Redis) -> bytes | None:
        traces = DecisionTraces(redis)
        await traces.keep(RecommendationId("r1"), b"{}")
        return await traces.read(RecommendationId("r1"))

    assert with_redis(deployment, keep) == b"{}"
