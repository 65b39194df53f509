"""How much waits in the event stream, and what the drain has done: for metrics and for the doctor."""

from dataclasses import dataclass
from typing import Any

from features.online.keys import DRAINED, EVENT_STREAM, EVENT_STREAM_BYTES, UNPROJECTED


@dataclass(frozen=True, slots=True)
class Backlog:
    """One look at the stream.

    Attributes:
        waiting_bytes, waiting_entries: what is safe in the stream and not yet in the log; an entry is one request.
        oldest_seconds: age of the oldest entry, by the clock of Redis; 0: nothing waits.
        unprojected: requests whose events are safe and not known to be in live state.
        drained_rows, drained_files: since this Redis was first used.
        last_drained_at: when something was last drained, in seconds since 1970; None: never.
    """

    waiting_bytes: int
    waiting_entries: int
    oldest_seconds: float
    unprojected: int
    drained_rows: int
    drained_files: int
    last_drained_at: int | None


def ask_for_backlog(pipeline: Any) -> None:  # noqa: ANN401 - of redis, blocking or not
    """Put the questions into a pipeline; `backlog_of` reads its replies. One round trip."""
    pipeline.time()
    pipeline.get(EVENT_STREAM_BYTES)
    pipeline.xlen(EVENT_STREAM)
    pipeline.xrange(EVENT_STREAM, count=1)
    pipeline.hlen(UNPROJECTED)
    pipeline.hgetall(DRAINED)


def backlog_of(replies: list[Any]) -> Backlog:
    """Read the replies to `ask_for_backlog`."""
    (seconds, microseconds), n_bytes, entries, oldest, unprojected, drained = replies
    age = seconds + microseconds / 1e6 - int(oldest[0][0].split(b"-")[0]) / 1e3 if oldest else 0.0
    return Backlog(
        waiting_bytes=int(n_bytes or 0),
        waiting_entries=entries,
        oldest_seconds=max(age, 0.0),
        unprojected=unprojected,
        drained_rows=int(drained.get(b"rows", 0)),
        drained_files=int(drained.get(b"files", 0)),
        last_drained_at=int(drained[b"at"]) if b"at" in drained else None,
    )
