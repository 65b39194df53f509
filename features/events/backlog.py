"""How much waits in the event stream, and what the drain has done: for metrics and for the doctor."""

from dataclasses import dataclass

from features.online.keys import DRAINED, EVENT_STREAM, EVENT_STREAM_BYTES, UNPROJECTED, load_script


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


def backlog_question() -> tuple[str, int, str, str, str, str]:
    """What `eval` of a client, blocking or not, is called with; `backlog_of` reads the reply."""
    keys = EVENT_STREAM, EVENT_STREAM_BYTES, UNPROJECTED, DRAINED
    return load_script("read_backlog"), len(keys), *keys


Number = bytes | None  # as text; None: not there
Reply = tuple[tuple[bytes, bytes], Number, int, Number, int, tuple[Number, Number, Number]]


def backlog_of(reply: Reply) -> Backlog:
    """Read the reply to `backlog_question`."""
    (seconds, microseconds), n_bytes, entries, oldest, unprojected, (rows, files, drained_at) = reply
    age = int(seconds) + int(microseconds) / 1e6 - int(oldest.split(b"-")[0]) / 1e3 if oldest else 0.0
    return Backlog(
        waiting_bytes=int(n_bytes or 0),
        waiting_entries=entries,
        oldest_seconds=max(age, 0.0),
        unprojected=unprojected,
        drained_rows=int(rows or 0),
        drained_files=int(files or 0),
        last_drained_at=None if drained_at is None else int(drained_at),
    )
