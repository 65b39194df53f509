"""The drain: moves accepted events from the stream into the log, each exactly once, whatever ends it midway."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import polars as pl
from redis import Redis

from features.events.lease import DrainLease, LeaseLost, new_stream_name
from features.events.log import KEY, LogFiles, write_events
from features.events.log_names import StreamId, StreamRange, range_of
from features.events.schema import EVENT_COLUMNS, TIME
from features.online.keys import EVENT_STREAM
from features.settings import Settings

ENTRIES_PER_READ = 100  # an entry has at most 500 KB
ENTRIES_PER_FILE = 10_000
BYTES_PER_FILE = 64_000_000
DEDUPE_WINDOW = timedelta(days=2)  # how far back the log is searched for events that Redis does not know of

log = logging.getLogger(__name__)

Entries = list[tuple[bytes, dict[bytes, bytes]]]
Clean = Callable[[pl.DataFrame], pl.DataFrame]  # takes people out of rows who were erased


@dataclass(frozen=True, slots=True)
class DrainReport:
    """What one drain moved; `is_ours` is False where another drain is at work, which will move what waits."""

    rows: int = 0
    files: int = 0
    is_ours: bool = True


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries that make one file a day, with the range under which Redis has them noted.

    `is_last`: nothing waited after them when they were read.
    """

    held: StreamRange
    entries: Entries
    is_last: bool = False

    @property
    def n_bytes(self) -> int:
        """What they count in the stream's bytes."""
        return _size_of(self.entries)


class Drain:
    """Moves what waits, range by range: `take` notes one, `write` puts it into the log, `trim` out of the stream.

    The range of a file is noted before the file is written, and names it: a drain that was cut off is repeated for
    exactly that range, under the same names, and so writes the same files again. docs/adr/0009 goes through what may
    end or pause it, and where.
    """

    def __init__(self, redis: Redis, settings: Settings, lease: DrainLease, clean: Clean = lambda frame: frame) -> None:
        self._redis = redis
        self._settings = settings
        self._lease = lease
        self._clean = clean
        self._files = LogFiles(settings)

    def move(self) -> DrainReport:
        """Move all that waits now.

        Raises:
            RedisError: the stream cannot be reached.
            OSError: the log cannot be written; everything stays in the stream.
        """
        rows = files = 0
        try:
            while (batch := self.take()) is not None:
                batch, n_rows, n_files = self.write(batch)
                self.trim(batch, n_rows, n_files)
                rows, files = rows + n_rows, files + n_files
                if batch.is_last:  # what came since waits for the next time, as do all that wait for this to end
                    break
        except LeaseLost:  # another drain is at work, perhaps since this one paused for long
            return DrainReport(rows=rows, files=files, is_ours=False)
        return DrainReport(rows=rows, files=files)

    def take(self) -> Batch | None:
        """Read and note the next range, or the one that was cut off; None: nothing waits. Raises LeaseLost."""
        claim = self._lease.claim()
        if claim is None:
            raise LeaseLost
        if claim.noted is not None:
            entries: Any = self._redis.xrange(EVENT_STREAM, str(claim.noted.first), str(claim.noted.last))
            if entries:
                log.info("repeating a drain that was cut off: %s", claim.noted)
                return Batch(claim.noted, entries)
        entries = self._read_up_to_a_file()
        if not entries:
            return None
        held = StreamRange(claim.stream, _id_of(entries[0]), _id_of(entries[-1]))
        self._lease.note(held, instead_of=claim.noted)
        is_last = len(entries) < ENTRIES_PER_FILE and _size_of(entries) < BYTES_PER_FILE
        return Batch(held, entries, is_last=is_last)

    def write(self, batch: Batch) -> tuple[Batch, int, int]:
        """Write a batch to the log; returns it as it is noted now, and how many rows and files it made."""
        frame = self._clean(read_rows(b"\n".join([fields[b"events"] for _, fields in batch.entries])))
        received_on: list[date] = frame["received_at"].dt.date().to_list()
        files = self._files.since(min(received_on, default=date.max) - DEDUPE_WINDOW)
        batch = self._under_a_name_of_its_own(batch, files)
        frame = self._without_known(frame, batch.held, files)
        written = write_events(self._settings, frame, batch.held.drained_name)
        return batch, len(frame), len(written)

    def trim(self, batch: Batch, rows: int, files: int) -> None:
        """Take a batch that is in the log out of the stream."""
        self._lease.trim(batch.held, batch.n_bytes, rows, files)

    def _without_known(self, frame: pl.DataFrame, held: StreamRange, files: list[Path]) -> pl.DataFrame:
        """The rows that the log lacks, and those of an earlier try at the same range.

        What came through this stream before, Redis has told apart already; the rest of the log is looked at.
        """
        strangers = [file for file in files if (other := range_of(file.name)) is None or other.stream != held.stream]
        if strangers:
            known = pl.scan_parquet(strangers).select(KEY)
            frame = frame.lazy().join(known, on=KEY, how="anti", maintain_order="left").collect()
        earlier = [file for file in files if range_of(file.name) == held]
        if earlier:
            frame = pl.concat([self._clean(pl.read_parquet(earlier)), frame]).unique(
                KEY, keep="first", maintain_order=True
            )
        return frame

    def _under_a_name_of_its_own(self, batch: Batch, files: list[Path]) -> Batch:
        """Call the stream by a new name if the log is ahead of it: its Redis was restored, or failed over.

        Then what Redis knows is not the whole, and its ranges could be mistaken for others.
        """
        held = batch.held
        others = [other for file in files if (other := range_of(file.name)) is not None and other != held]
        if not any(other.stream == held.stream and other.last >= held.first for other in others):
            return batch
        renamed = StreamRange(new_stream_name(), held.first, held.last)
        self._lease.note(renamed, instead_of=held)
        log.warning("the log is ahead of this Redis: stream %s is now called %s", held.stream, renamed.stream)
        return Batch(renamed, batch.entries, is_last=batch.is_last)

    def _read_up_to_a_file(self) -> Entries:
        entries: Entries = []
        while len(entries) < ENTRIES_PER_FILE and _size_of(entries) < BYTES_PER_FILE:
            after = b"(" + entries[-1][0] if entries else b"-"
            more: Any = self._redis.xrange(EVENT_STREAM, after, count=ENTRIES_PER_READ)
            entries += more
            if len(more) < ENTRIES_PER_READ:
                break
        return entries


def drain(redis: Redis, settings: Settings) -> DrainReport:
    """Move all that waits in the stream now into the log; raises as `Drain.move` does."""
    with DrainLease(redis, settings) as lease:
        return Drain(redis, settings, lease).move()


def read_rows(lines: bytes) -> pl.DataFrame:
    """Rows of the log from newline-separated JSON; unique by (event_id, line)."""
    rows = [orjson.loads(line) for line in lines.split(b"\n")]
    as_text = {name: pl.String() if kind == TIME else kind for name, kind in EVENT_COLUMNS.items()}
    times = [name for name, kind in EVENT_COLUMNS.items() if kind == TIME]
    frame = pl.DataFrame(rows, schema=as_text, orient="row")
    return frame.with_columns(
        pl.col(times).str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", time_zone="UTC")
    ).unique(KEY, keep="first", maintain_order=True)


def _id_of(entry: tuple[bytes, dict[bytes, bytes]]) -> StreamId:
    milliseconds, sequence = entry[0].split(b"-")
    return StreamId(int(milliseconds), int(sequence))


def _size_of(entries: Entries) -> int:
    return sum(len(fields[b"events"]) for _, fields in entries)
