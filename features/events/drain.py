"""The drain: moves accepted events from the stream into the log, each exactly once, whatever ends it midway."""

import logging
from dataclasses import dataclass
from typing import Any

import orjson
import polars as pl
from redis import Redis

from features.events.log import write_events
from features.events.schema import EVENT_COLUMNS, TIME
from features.online.keys import DRAINING, EVENT_STREAM, EVENT_STREAM_BYTES
from features.settings import Settings

ENTRIES_PER_READ = 100  # an entry has at most 500 KB
ENTRIES_PER_FILE = 10_000
BYTES_PER_FILE = 64_000_000

log = logging.getLogger(__name__)

Entries = list[tuple[bytes, dict[bytes, bytes]]]


@dataclass(frozen=True, slots=True)
class DrainReport:
    """What one drain moved."""

    rows: int
    files: int


def drain(redis: Redis, settings: Settings) -> DrainReport:
    """Move all that waits in the stream now into the log. There is one drain per stream at a time.

    The range of a file is noted before the file is written: a drain that was cut off is repeated for exactly that
    range, under the same file names, and so writes the same files again.

    Raises:
        RedisError: the stream cannot be reached.
        OSError: the log cannot be written; everything stays in the stream.
    """
    rows = files = 0
    while entries := _next_entries(redis):
        first, last = entries[0][0], entries[-1][0]
        frame = read_rows(b"\n".join([fields[b"events"] for _, fields in entries]))
        files += len(write_events(settings, frame, f"stream-{first.decode()}-{last.decode()}"))
        rows += len(frame)
        _trim(redis, last, _size_of(entries))
    return DrainReport(rows=rows, files=files)


def read_rows(lines: bytes) -> pl.DataFrame:
    """Rows of the log from newline-separated JSON; unique by (event_id, line)."""
    rows = [orjson.loads(line) for line in lines.split(b"\n")]
    as_text = {name: pl.String() if kind == TIME else kind for name, kind in EVENT_COLUMNS.items()}
    times = [name for name, kind in EVENT_COLUMNS.items() if kind == TIME]
    frame = pl.DataFrame(rows, schema=as_text, orient="row")
    return frame.with_columns(
        pl.col(times).str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", time_zone="UTC")
    ).unique(["event_id", "line"], keep="first", maintain_order=True)


def _next_entries(redis: Redis) -> Entries:
    noted: Any = redis.get(DRAINING)
    if noted is not None:
        first, last = noted.split(b" ")
        entries: Any = redis.xrange(EVENT_STREAM, first, last)
        if entries:
            log.info("repeating a drain that was cut off: %s to %s", first.decode(), last.decode())
            return entries
    entries = _read_up_to_a_file(redis)
    if entries:
        redis.set(DRAINING, entries[0][0] + b" " + entries[-1][0])
    return entries


def _read_up_to_a_file(redis: Redis) -> Entries:
    entries: Entries = []
    while len(entries) < ENTRIES_PER_FILE and _size_of(entries) < BYTES_PER_FILE:
        after = b"(" + entries[-1][0] if entries else b"-"
        more: Any = redis.xrange(EVENT_STREAM, after, count=ENTRIES_PER_READ)
        entries += more
        if len(more) < ENTRIES_PER_READ:
            break
    return entries


def _size_of(entries: Entries) -> int:
    return sum(len(fields[b"events"]) for _, fields in entries)


def _trim(redis: Redis, last: bytes, n_bytes: int) -> None:
    milliseconds, sequence = last.split(b"-")
    after_last = f"{milliseconds.decode()}-{int(sequence) + 1}"
    with redis.pipeline(transaction=True) as pipeline:
        pipeline.xtrim(EVENT_STREAM, minid=after_last, approximate=False)
        pipeline.decrby(EVENT_STREAM_BYTES, n_bytes)
        pipeline.delete(DRAINING)
        pipeline.execute()
