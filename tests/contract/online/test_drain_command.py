"""`recommender drain`, and what the doctor says of the stream, on a single server and on a cluster."""

from pathlib import Path

import pytest

from features.events.lease import DrainLease
from features.online.connection import connect_blocking
from features.online.embedded import socket_path
from features.online.keys import EVENT_STREAM
from features.settings import Settings
from recommender.cli.doctor import Finding, examine
from recommender.cli.drain import drain_now, read_backlog
from recommender.errors import StoreUnavailable
from tests.contract.events.event_rows import append, logged, order


@pytest.fixture
def shop(deployment: Settings, tmp_path: Path) -> Settings:
    """An empty Redis of either kind, with an event log of its own."""
    with connect_blocking(deployment) as redis:
        redis.flushall()
    return Settings(data_dir=tmp_path, redis_url=deployment.redis_url or f"unix://{socket_path(deployment.data_dir)}")


def finding(settings: Settings, what: str) -> Finding:
    return next(found for found in examine(settings) if found.what == what)


def test_what_waits_is_moved_and_counted(shop: Settings):
    append(shop, [order("a", n_lines=2), order("b")])
    waiting = read_backlog(shop)
    assert (waiting.waiting_entries, waiting.last_drained_at) == (1, None)
    assert waiting.waiting_bytes > 0
    assert drain_now(shop) == f"3 rows moved to {shop.events_dir} in 1 files"
    assert logged(shop) == [("a", 0), ("a", 1), ("b", 0)]
    drained = read_backlog(shop)
    assert (drained.waiting_entries, drained.waiting_bytes, drained.oldest_seconds) == (0, 0, 0.0)
    assert (drained.drained_rows, drained.drained_files) == (3, 1)
    assert drained.last_drained_at is not None
    assert drain_now(shop).startswith("0 rows moved")


def test_beside_another_drain_nothing_is_moved(shop: Settings, tmp_path: Path):
    append(shop, [order("a")])
    elsewhere = Settings(data_dir=tmp_path / "elsewhere", redis_url=shop.redis_url)
    with connect_blocking(shop) as redis, DrainLease(redis, elsewhere) as lease:
        assert lease.claim() is not None
        assert "another drain is at work" in drain_now(shop)
        assert logged(shop) == []
    assert drain_now(shop).startswith("1 rows moved")


def test_a_log_that_cannot_be_written_is_said_so_and_loses_nothing(shop: Settings):
    append(shop, [order("a")])
    shop.events_dir.write_text("a file where a folder should be")
    with pytest.raises(StoreUnavailable, match="the event log cannot be written") as refusal:
        drain_now(shop)
    assert "safe in the stream" in refusal.value.remedy
    shop.events_dir.unlink()
    assert drain_now(shop).startswith("1 rows moved")


def test_the_doctor_knows_the_redis_and_its_stream(shop: Settings):
    assert finding(shop, "redis").state == "good"
    assert "nothing drained yet" in finding(shop, "event stream").says
    append(shop, [order("a")])
    drain_now(shop)
    drained = finding(shop, "event stream")
    assert drained.state == "good"
    assert "0 of 536,870,912 bytes wait; last drained 20" in drained.says


def test_the_doctor_misses_the_drain_when_events_wait_for_long(shop: Settings):
    with connect_blocking(shop) as redis:
        redis.xadd(EVENT_STREAM, {"events": "{}"}, id="1000-1")  # of the first second of 1970
    waits = finding(shop, "event stream")
    assert waits.state == "bad"
    assert "recommender drain --follow" in waits.remedy


def test_without_redis_nothing_is_drained_and_the_doctor_says_where_to_begin(tmp_path: Path):
    nowhere = Settings(data_dir=tmp_path)
    with pytest.raises(StoreUnavailable, match="the event stream cannot be reached") as refusal:
        drain_now(nowhere)
    assert "recommender serve" in refusal.value.remedy
    assert finding(nowhere, "event stream").state == "note"
