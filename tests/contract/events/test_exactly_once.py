"""Two drains that are paused, killed and taken over at every step: each event is in the log exactly once."""

import tempfile
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from features.events.drain import Batch, Drain, drain, read_rows
from features.events.lease import DrainLease, LeaseLost
from features.events.log import write_events
from features.events.schema import EVENT_COLUMNS
from features.online.embedded import EmbeddedValkey
from features.online.keys import DRAIN_LEASE, DRAINED, EVENT_STREAM_BYTES
from features.settings import Settings
from tests.contract.events.event_rows import NOW, append, logged, open_sync, order


class Stepper:
    """A drain that does one step a call, and may be forgotten after any of them."""

    def __init__(self, redis: Redis, deployment: Settings) -> None:
        self.lease = DrainLease(redis, deployment).__enter__()
        self._drain = Drain(redis, deployment, self.lease)
        self._batch: Batch | None = None
        self._written: tuple[int, int] | None = None

    def step(self) -> None:
        try:
            if self._batch is None:
                self._batch = self._drain.take()
            elif self._written is None:
                self._batch, *self._written = self._drain.write(self._batch)
            else:
                self._drain.trim(self._batch, *self._written)
                self._batch = self._written = None
        except LeaseLost:
            self._batch = self._written = None


@given(st.lists(st.sampled_from(["append", "again", "a", "a", "b", "b", "expire", "kill a"]), max_size=40))
@settings(max_examples=60)
def test_each_event_is_in_the_log_once(valkey: EmbeddedValkey, actions: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        deployment = Settings(data_dir=Path(folder), redis_url=f"unix://{valkey.socket}")
        appended: list[str] = []
        with open_sync(deployment) as redis:
            redis.flushall()
            a, b = Stepper(redis, deployment), Stepper(redis, deployment)
            for action in actions:
                if action == "append":
                    appended.append(uuid4().hex)
                    append(deployment, [order(appended[-1], 2)])
                elif action == "again":
                    append(deployment, [order(event_id) for event_id in appended])
                elif action == "expire":
                    redis.delete(DRAIN_LEASE)
                elif action == "kill a":
                    holder = redis.get(DRAIN_LEASE)
                    a.lease.__exit__(None, None, None)
                    if isinstance(holder, bytes):
                        redis.set(DRAIN_LEASE, holder)  # the dead give nothing back
                    a = Stepper(redis, deployment)
                else:
                    {"a": a, "b": b}[action].step()
            a.lease.__exit__(None, None, None)
            b.lease.__exit__(None, None, None)
            redis.delete(DRAIN_LEASE)
            assert drain(redis, deployment).is_ours
            assert int(redis.get(EVENT_STREAM_BYTES) or 0) == 0
            assert int(redis.hget(DRAINED, "rows") or 0) == 2 * len(appended)
        assert logged(deployment) == sorted((event_id, line) for event_id in appended for line in (0, 1))


def test_while_one_drains_another_stands_by_and_takes_over_when_its_lease_ends(deployment):
    append(deployment, [order("x")])
    with open_sync(deployment) as redis, DrainLease(redis, deployment) as lease:
        assert lease.claim()
        assert not drain(redis, deployment).is_ours
        assert logged(deployment) == []
        redis.delete(DRAIN_LEASE)
        assert drain(redis, deployment).rows == 1


def test_the_lease_of_a_dead_drain_of_the_same_folder_is_taken_over_at_once(deployment):
    append(deployment, [order("x")])
    with open_sync(deployment) as redis:
        with DrainLease(redis, deployment) as lease:
            assert lease.claim()
            holder = redis.get(DRAIN_LEASE)
        redis.set(DRAIN_LEASE, holder)  # type: ignore[arg-type] - what a killed process leaves
        assert drain(redis, deployment).rows == 1


@pytest.mark.parametrize("days_ago", [0, 1])
def test_what_an_import_brought_is_not_written_again(deployment, days_ago):
    rows = order("imported", 1, received_at=NOW - timedelta(days=days_ago))
    frame = read_rows(b"\n".join(orjson.dumps(row) for row in rows)).select(*EVENT_COLUMNS)
    write_events(deployment, frame, "import-x")
    append(deployment, [order("imported", 2), order("new")])
    with open_sync(deployment) as redis:
        assert drain(redis, deployment).rows == 2
    assert logged(deployment) == [("imported", 0), ("imported", 1), ("new", 0)]


def test_a_redis_restored_from_a_backup_writes_nothing_twice_and_loses_nothing(deployment):
    """Its entries and the names it knows are those of yesterday; the log is of today."""
    append(deployment, [order("a")])
    with open_sync(deployment) as redis:
        backup = {key: redis.dump(key) for key in redis.scan_iter()}
        append(deployment, [order("b")])
        drain(redis, deployment)
        name = redis.get("{events}:name")
        redis.flushall()
        for key, value in backup.items():
            redis.restore(key, 0, value)
        redis.set("{events}:name", name)  # type: ignore[arg-type]
        append(deployment, [order("b")], [order("c")])
        drain(redis, deployment)
        assert redis.get("{events}:name") != name
        append(deployment, [order("b", received_at=NOW + timedelta(seconds=1))], [order("d")])
        drain(redis, deployment)
    assert logged(deployment) == [("a", 0), ("b", 0), ("c", 0), ("d", 0)]
