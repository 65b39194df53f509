"""What a round of the drain takes as an hour goes by: its rounds one after the other, with the files that linger.

    python -m loadtests.drained_hour

Processor time alone, of this process; what waits in each round is of made-up visitors.
"""

import os
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any
from uuid import uuid4

import orjson
from redis import Redis
from rich.console import Console
from rich.table import Table

from features.events.compaction import compact
from features.events.drain import Drain
from features.events.lease import DrainLease
from features.events.schema import PRODUCT_VIEWED, RECOMMENDATION_SERVED
from features.online.connection import connect_blocking
from features.online.embedded import EmbeddedValkey
from features.online.keys import EVENT_STREAM, EVENT_STREAM_BYTES
from features.settings import Settings
from serving.drain import COMPACT_SECONDS, PAUSE_SECONDS

WINDOW, WINDOWS = timedelta(minutes=5), 15  # the last three with what lingers being removed
EVENTS, LISTS, LISTS_AT_ONCE = 110, 200, 25  # of one round; 160 calls a second make about as many


def append(redis: Redis, at: datetime) -> None:
    """Put into the stream what callers send in the pause between two rounds."""
    events = [[_row(PRODUCT_VIEWED, at, item_id="1", price=199)] for _ in range(EVENTS)]
    shown = orjson.dumps({"placement": "home", "item_ids": ["1"] * 12, "sources": ["popular"] * 12}).decode()
    lists = [_row(RECOMMENDATION_SERVED, at, recommendation_id=str(uuid4()), properties=shown) for _ in range(LISTS)]
    events += [lists[start : start + LISTS_AT_ONCE] for start in range(0, LISTS, LISTS_AT_ONCE)]
    texts = [b"\n".join(map(orjson.dumps, rows)) for rows in events]
    pipeline = redis.pipeline(transaction=False)
    for text in texts:
        pipeline.xadd(EVENT_STREAM, {b"events": text})
    pipeline.incrby(EVENT_STREAM_BYTES, sum(map(len, texts)))
    pipeline.execute()


def measure(settings: Settings) -> list[tuple[int, float, float]]:
    """By window: files that lie in the log at its end, and milliseconds that a round took to drain, and to merge."""
    per_window, merge_every = int(WINDOW.total_seconds() / PAUSE_SECONDS), int(COMPACT_SECONDS / PAUSE_SECONDS)
    began, seen, found = datetime.now(UTC), set[Path](), list[tuple[int, float, float]]()
    with connect_blocking(settings) as redis, DrainLease(redis, settings) as lease:
        drain, draining, merging = Drain(redis, settings, lease), 0.0, 0.0
        for number in range(1, WINDOWS * per_window + 1):
            append(redis, datetime.now(UTC))
            now = began + timedelta(seconds=number * PAUSE_SECONDS)
            draining += _seconds(drain.move)
            if number % merge_every == 0:
                merging += _seconds(lambda now=now: compact(settings, now))
            there = set(settings.events_dir.glob("received=*/*.parquet"))
            for file in there - seen:
                os.utime(file, (now.timestamp(), now.timestamp()))
            seen = there
            if number % per_window == 0:
                found.append((len(there), 1000 * draining / per_window, 1000 * merging / per_window))
                draining = merging = 0.0
    return found


def _row(event: str, at: datetime, **more: object) -> dict[str, Any]:
    return {
        "event_id": str(uuid4()), "line": 0, "event": event, "anonymous_id": f"visitor-{uuid4()}", "synthetic": False,
        "occurred_at": at, "received_at": at, **more,
    }  # fmt: skip


def _seconds(work: Callable[[], object]) -> float:
    started = process_time()
    work()
    return process_time() - started


def main() -> None:
    """Print a line for every five minutes."""
    with tempfile.TemporaryDirectory(prefix="drained-hour-") as folder:
        server = EmbeddedValkey(Path(folder))
        server.start()
        try:
            found = measure(Settings(data_dir=Path(folder), redis_url=None))
        finally:
            server.stop()
    table = Table("until minute", "files in the log", "to drain, ms a round", "to merge", "of a core")
    for number, (files, draining, merging) in enumerate(found, 1):
        core = (draining + merging) / 1000 / PAUSE_SECONDS
        minute = number * WINDOW // timedelta(minutes=1)
        table.add_row(f"{minute}", f"{files:,}", f"{draining:.1f}", f"{merging:.1f}", f"{core:.4f}")
    Console().print(table)


if __name__ == "__main__":
    main()
