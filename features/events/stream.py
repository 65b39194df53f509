"""The event stream in Redis: where accepted events are safe until they are drained into the log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
from redis.exceptions import RedisError

from features.events.backlog import Backlog, backlog_of, backlog_question
from features.online.gathered_calls import calls_to
from features.online.in_time import KEEPING_SECONDS, line_to
from features.online.keys import (
    EVENT_STREAM,
    EVENT_STREAM_BYTES,
    NOTES_KEPT,
    SEEN_SECONDS,
    UNPROJECTED,
    WAITING_BYTES,
    load_script,
    seen_events,
)
from features.online.projection import Updates, encode_updates
from recommender.errors import StoreUnavailable

if TYPE_CHECKING:
    from redis.asyncio import Redis

EventRow = dict[str, object]  # by column of EVENT_COLUMNS; a column that is left out is null; times are aware


@dataclass(frozen=True, slots=True)
class Note:
    """Updates of live state that a call will make once its events are safe; kept with them until it has."""

    name: bytes
    updates: bytes


class EventStream:
    """Appends events; when it returns, they survive the end of any process.

    All methods raise StoreUnavailable when Redis cannot be reached or is full, or too much waits to be drained; then
    nothing of the call is stored, or, if only the answer was lost, all of it. What `append` was asked once may be there
    twice, if its first answer was lost with the connection.
    """

    def __init__(self, redis: "Redis", waiting_bytes: int = WAITING_BYTES) -> None:
        self._redis, self._calls, self._line = redis, calls_to(redis), line_to(redis)
        self.waiting_bytes = waiting_bytes
        self._script = load_script("append_events")
        self._backlog_question = backlog_question()
        self._settled: list[bytes] = []

    async def append(self, rows: Sequence[EventRow]) -> None:
        """Append rows whose ids were just made, so that they cannot have come before."""
        if rows:
            await self._append([(b"", orjson.dumps(row)) for row in rows], rows[0], None)

    async def append_once(self, events: Sequence[Sequence[EventRow]], note: Note | None = None) -> list[bool]:
        """Append events, each given as its rows, unless they came before (within a day at least).

        Args:
            events: each with one row or more.
            note: what is left to do for them; once that is done, call `settle`. Left undone, the drain does it.

        Returns:
            For each event whether it is new. An event that comes twice in one call is new once.
        """
        if not events:
            return []
        texts = [b"\n".join([orjson.dumps(row) for row in rows]) for rows in events]
        names = [short_name(str(rows[0]["event_id"])) for rows in events]
        return await self._append(list(zip(names, texts, strict=True)), events[0][0], note)

    def settle(self, note: Note) -> None:
        """What `note` says is done. Redis hears of it with the next append, which costs no round trip of its own."""
        if len(self._settled) < NOTES_KEPT:
            self._settled.append(note.name)

    async def backlog(self) -> Backlog:
        """How much waits to be drained; one round trip."""
        try:
            async with self._line.in_time():
                return backlog_of(await self._redis.eval(*self._backlog_question))
        except (RedisError, OSError) as error:
            raise StoreUnavailable(f"the event stream cannot be reached: {error}") from error

    async def _append(self, events: Sequence[tuple[bytes, bytes]], first: EventRow, note: Note | None) -> list[bool]:
        settled, self._settled = self._settled, []
        to_note = (b"", b"") if note is None else (note.name, note.updates)
        args = [self.waiting_bytes, SEEN_SECONDS, NOTES_KEPT, *to_note, len(settled), *settled]
        args += [part for event in events for part in event]
        keys = EVENT_STREAM, EVENT_STREAM_BYTES, *_days_around(first["received_at"]), UNPROJECTED
        try:
            asked = self._calls.call("EVAL", self._script, len(keys), *keys, *args, seconds=KEEPING_SECONDS)
            reply: Any = await asked
        except (RedisError, OSError) as error:
            self._settled += settled
            raise StoreUnavailable(
                f"events cannot be stored right now: {error}", remedy="Send the same request again later."
            ) from error
        if reply is None:
            self._settled += settled
            raise StoreUnavailable(
                "too many events wait to be written to the log", remedy="Send the same request again later."
            )
        return [bool(is_new) for is_new in reply]


def note_of(updates: Updates, received_at: datetime) -> Note | None:
    """The note of what live state will be told; None: nothing."""
    if not updates:
        return None
    return Note(f"{int(received_at.timestamp() * 1000)}-{uuid4().hex}".encode(), encode_updates(updates))


def short_name(event_id: str) -> bytes:
    """Sixteen bytes that stand for an event id: among 10**9 ids, two share one with a chance of 1 in 10**21.

    That chance is one of losing an event, for the second would count as a duplicate: with eight bytes it would be 1 in
    40, and anyone could make two such ids on purpose.
    """
    return blake2b(event_id.encode(), digest_size=16).digest()


def _days_around(received_at: object) -> list[str]:
    if not isinstance(received_at, datetime):
        raise ValueError("`received_at` must be a datetime")  # noqa: TRY004 - a programmer's mistake
    today = received_at.astimezone(UTC).date()
    return [seen_events(today + timedelta(days=days)) for days in (0, -1, 1)]
