"""Who drains a stream: one process at a time, however many hosts there are."""

import fcntl
import logging
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any
from uuid import uuid4

from redis import Redis
from redis.exceptions import RedisError

from features.events.log_names import StreamRange
from features.online.keys import (
    DRAIN_LEASE,
    DRAIN_LEASE_SECONDS,
    DRAINED,
    DRAINING,
    EVENT_STREAM,
    EVENT_STREAM_BYTES,
    STREAM_NAME,
    load_script,
)
from features.settings import Settings

log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another drain is at work, perhaps since this one paused; it does what this one was about to do."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What the holder of the lease finds: the stream's name, and the range that was being written, if any."""

    stream: str
    noted: StreamRange | None


class DrainLease:
    """The right to write one stream to the log and to trim it.

    Redis gives it for DRAIN_LEASE_SECONDS, and each step asks Redis whether it still holds: who was paused and wakes up
    as one of two trims nothing. On one data folder nobody waits for those seconds: a locked file tells that the last
    holder there is dead, and its lease is taken over.
    """

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis = redis
        self._path = settings.data_dir / "drain.lock"
        self._claim, self._note, self._trim = map(load_script, ("claim_drain", "note_drain_range", "trim_drained"))
        self._file: IO[str] | None = None
        self._folder = ""
        self._token = uuid4().hex

    def __enter__(self) -> "DrainLease":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a+")
        return self

    def __exit__(self, *_: tuple[type[BaseException] | None, BaseException | None, TracebackType | None]) -> None:
        try:
            if self._redis.get(DRAIN_LEASE) == self._holder.encode():
                self._redis.delete(DRAIN_LEASE)
        except RedisError:
            log.info("the lease of the drain will run out by itself: Redis cannot be reached")
        if self._file is not None:
            self._file.close()

    def claim(self) -> Claim | None:
        """Take or keep the lease; None: another drain has it."""
        self._lock_folder()
        keys = DRAIN_LEASE, STREAM_NAME, DRAINING
        predecessor = f"{self._folder}:" if self._folder else ""
        args = self._holder, DRAIN_LEASE_SECONDS, predecessor, new_stream_name()
        reply: Any = self._redis.eval(self._claim, len(keys), *keys, *args)
        if reply is None:
            return None
        stream, noted = reply
        return Claim(stream.decode(), None if noted is None else StreamRange.parse(noted.decode()))

    def note(self, held: StreamRange, *, instead_of: StreamRange | None) -> None:
        """Note the range that will be written next; raises LeaseLost."""
        keys = DRAIN_LEASE, STREAM_NAME, DRAINING
        args = self._holder, "" if instead_of is None else str(instead_of), str(held), held.stream
        self._or_lost(self._redis.eval(self._note, len(keys), *keys, *args))

    def trim(self, held: StreamRange, n_bytes: int, rows: int, files: int) -> None:
        """Take a range, now in the log, out of the stream, and add to the totals; raises LeaseLost."""
        keys = DRAIN_LEASE, DRAINING, EVENT_STREAM, EVENT_STREAM_BYTES, DRAINED
        after = held.last._replace(sequence=held.last.sequence + 1)
        args = self._holder, str(held), str(after), n_bytes, rows, files
        self._or_lost(self._redis.eval(self._trim, len(keys), *keys, *args))

    @property
    def _holder(self) -> str:
        return f"{self._folder or 'nowhere'}:{self._token}"

    def _lock_folder(self) -> None:
        """Find out whether any other drain lives on this data folder; the kernel unlocks what a dead one held."""
        if self._folder or self._file is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return  # one lives, or this file system cannot tell: then the lease alone decides
        self._file.seek(0)
        folder = self._file.read().strip()
        if not folder:
            folder = uuid4().hex
            self._file.write(folder)
            self._file.flush()
        self._folder = folder

    @staticmethod
    def _or_lost(held: object) -> None:
        if not held:
            raise LeaseLost


def new_stream_name() -> str:
    """Eight hexadecimal digits that no other stream has."""
    return uuid4().hex[:8]
