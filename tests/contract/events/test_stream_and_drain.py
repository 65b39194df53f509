import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisGone

from features.events import drain as drain_module
from features.events.drain import drain
from features.events.log import scan_events
from features.events.stream import EventRow, EventStream
from features.online.connection import connect
from features.online.embedded import socket_path
from features.online.keys import DRAINING, EVENT_STREAM, EVENT_STREAM_BYTES
from features.settings import Settings
from recommender.errors import StoreUnavailable

NOW = datetime(2026, 11, 20, 23, 59, 59, 123_000, tzinfo=UTC)


@pytest.fixture
def deployment(valkey_data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Its event log is empty, and so is its Valkey."""
    return Settings(data_dir=tmp_path, redis_url=f"unix://{socket_path(valkey_data_dir)}")


def order(event_id: str, n_lines: int = 1, received_at: datetime = NOW) -> list[EventRow]:
    return [
        {
            "event_id": event_id, "line": line, "event": "Order Completed", "user_id": "ann", "item_id": f"i{line}",
            "consent": ["personalisation"], "synthetic": False, "occurred_at": NOW, "received_at": received_at,
        }
        for line in range(n_lines)
    ]  # fmt: skip


def append(settings: Settings, *calls: list[list[EventRow]], waiting_bytes: int = 10**9) -> list[list[bool]]:
    async def run() -> list[list[bool]]:
        async with connect(settings) as redis:
            stream = EventStream(redis, waiting_bytes)
            return [await stream.append_once(events) for events in calls]

    return asyncio.run(run())


def open_sync(settings: Settings) -> Redis:
    assert settings.redis_url is not None
    return Redis.from_url(settings.redis_url)


def logged(settings: Settings) -> list[tuple[str, int]]:
    return sorted(scan_events(settings).select("event_id", "line").collect().rows())


def test_an_event_is_appended_once(deployment):
    first, second = append(deployment, [order("a"), order("b"), order("a")], [order("b"), order("c")])
    assert first == [True, True, False]
    assert second == [False, True]


def test_yesterdays_events_are_still_known(deployment):
    after_midnight = NOW + timedelta(hours=23)
    assert append(deployment, [order("a")], [order("a", received_at=after_midnight)]) == [[True], [False]]


def test_drained_events_are_in_the_log_with_their_times_and_types(deployment):
    append(deployment, [order("a", 2), order("ä🙂")], [order("b", received_at=NOW + timedelta(seconds=1))])
    with open_sync(deployment) as redis:
        report = drain(redis, deployment)
        assert redis.xlen(EVENT_STREAM) == 0
        assert redis.get(EVENT_STREAM_BYTES) == b"0"
    assert report.rows == 4
    assert logged(deployment) == [("a", 0), ("a", 1), ("b", 0), ("ä🙂", 0)]
    row = scan_events(deployment).filter(pl.col("event_id") == "a").collect().row(0, named=True)
    assert row["occurred_at"] == NOW
    assert row["consent"] == ["personalisation"]
    days = sorted(path.name for path in deployment.events_dir.iterdir())
    assert days == ["received=2026-11-20", "received=2026-11-21"]


def test_nothing_to_drain_is_nothing(deployment):
    with open_sync(deployment) as redis:
        assert drain(redis, deployment).rows == 0


@pytest.mark.parametrize("step", ["write_events", "_trim"])
def test_a_drain_that_was_cut_off_is_repeated_without_duplicates(deployment, monkeypatch, step):
    append(deployment, [order("a", 3)], [order("b")])
    do = getattr(drain_module, step)

    def cut_off(*args: object) -> None:
        if step == "write_events":
            do(*args)  # the file is renamed, and then the process ends
        raise RedisGone

    with open_sync(deployment) as redis:
        monkeypatch.setattr(drain_module, step, cut_off)
        with pytest.raises(RedisGone):
            drain(redis, deployment)
        monkeypatch.undo()
        append(deployment, [order("c")])  # more has come in the meantime
        assert redis.get(DRAINING) is not None
        drain(redis, deployment)
        assert redis.get(DRAINING) is None
    assert logged(deployment) == [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("c", 0)]


def test_too_much_that_waits_is_refused_and_nothing_is_stored(deployment):
    with pytest.raises(StoreUnavailable, match="too many events wait"):
        append(deployment, [order("a")], [order("b")], waiting_bytes=10)
    with open_sync(deployment) as redis:
        drain(redis, deployment)
    assert logged(deployment) == [("a", 0)]
    assert append(deployment, [order("b")]) == [[True]]


def test_a_redis_that_is_gone_is_named_so(tmp_path):
    with pytest.raises(StoreUnavailable, match="cannot be stored"):
        append(Settings(data_dir=tmp_path), [order("a")])
