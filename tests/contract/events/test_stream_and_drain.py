from datetime import timedelta

import polars as pl
import pytest

from features.events.drain import drain
from features.events.log import scan_events
from features.online.keys import EVENT_STREAM, EVENT_STREAM_BYTES
from features.settings import Settings
from recommender.errors import StoreUnavailable
from tests.contract.events.event_rows import NOW, append, logged, open_sync, order


def test_an_event_is_appended_once(deployment):
    first, second = append(deployment, [order("a"), order("b"), order("a")], [order("b"), order("c")])
    assert first == [True, True, False]
    assert second == [False, True]


@pytest.mark.parametrize("hours", [24, -1])
def test_neighbouring_days_are_looked_at(deployment, hours):
    """Also tomorrow's, which the clock of another host may have reached."""
    first = NOW if hours > 0 else NOW + timedelta(seconds=2)
    again = first + timedelta(hours=hours)
    assert append(deployment, [order("a", received_at=first)], [order("a", received_at=again)]) == [[True], [False]]


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
