"""When the memory of Redis or the disk of the log is full: nothing half stored, and recovery by itself."""

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from features.events.backlog import Backlog
from features.events.drain import drain
from features.events.stream import EventStream
from features.online.connection import connect
from features.settings import Settings
from recommender.errors import StoreUnavailable
from serving.stream_metrics import stream_page
from tests.contract.events.event_rows import append, logged, open_sync, order


@contextmanager
def largest_file(n_bytes: int) -> Iterator[None]:
    """No file of this process grows beyond: what a full disk does, without filling one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def backlog(settings: Settings) -> Backlog:
    async def ask() -> Backlog:
        async with connect(settings) as redis:
            return await EventStream(redis).backlog()

    return asyncio.run(ask())


def test_a_redis_without_memory_refuses_and_the_drain_still_makes_room(deployment):
    append(deployment, [order("a")])
    with open_sync(deployment) as redis:
        redis.config_set("maxmemory", 1)
        try:
            with pytest.raises(StoreUnavailable, match="cannot be stored"):
                append(deployment, [order("b"), order("c")])
            assert backlog(deployment).waiting_entries == 1
            assert drain(redis, deployment).rows == 1
        finally:
            redis.config_set("maxmemory", 0)
        assert append(deployment, [order("b"), order("c")]) == [[True, True]]
        drain(redis, deployment)
    assert logged(deployment) == [("a", 0), ("b", 0), ("c", 0)]


def test_a_full_disk_leaves_everything_in_the_stream_until_there_is_room(deployment):
    append(deployment, [order("a", 3)])
    with open_sync(deployment) as redis:
        with largest_file(100), pytest.raises(OSError, match="cannot be written"):
            drain(redis, deployment)
        assert [path for path in deployment.events_dir.rglob("*") if path.is_file()] == []
        assert backlog(deployment).waiting_entries == 1
        assert drain(redis, deployment).rows == 3
    assert logged(deployment) == [("a", 0), ("a", 1), ("a", 2)]
    assert backlog(deployment).waiting_bytes == 0


def test_metrics_say_what_waits_and_what_was_drained(deployment):
    append(deployment, [order("a", 2)])
    waiting = backlog(deployment)
    assert f"recommender_stream_waiting_bytes {float(waiting.waiting_bytes)}" in stream_page(waiting, 10**6).decode()
    with open_sync(deployment) as redis:
        drain(redis, deployment)
    page = stream_page(backlog(deployment), 10**6).decode()
    for line in ("waiting_entries 0.0", "drain_rows_total 2.0", "drain_files_total 1.0", "oldest_age_seconds 0.0"):
        assert line in page
    assert "recommender_stream_up 0.0" in stream_page(None, 10**6).decode()
