"""The event stream in Redis: where accepted events are safe until they are drained into the log."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson
from redis.exceptions import RedisError

from features.online.keys import (
    EVENT_STREAM,
    EVENT_STREAM_BYTES,
    SEEN_SECONDS,
    WAITING_BYTES,
    load_script,
    seen_events,
)
from recommender.errors import StoreUnavailable

if TYPE_CHECKING:
    from redis.asyncio import Redis

EventRow = dict[str, object]  # by column of EVENT_COLUMNS; a column that is left out is null; times are aware


class EventStream:
    """Appends events; when it returns, they survive the end of any process.

    All methods raise StoreUnavailable when Redis cannot be reached or is full, or too much waits to be drained; then
    nothing of the call is stored, or, if only the answer was lost, all of it.
    """

    def __init__(self, redis: "Redis", waiting_bytes: int = WAITING_BYTES) -> None:
        self._redis = redis
        self._waiting_bytes = waiting_bytes
        self._script = load_script("append_events")

    async def append(self, rows: Sequence[EventRow]) -> None:
        """Append rows whose ids were just made, so that they cannot have come before."""
        if rows:
            await self._append([(b"", orjson.dumps(row)) for row in rows], rows[0])

    async def append_once(self, events: Sequence[Sequence[EventRow]]) -> list[bool]:
        """Append events, each given as its rows, unless they came before (within a day at least).

        Returns:
            For each event whether it is new. An event that comes twice in one call is new once.
        """
        if not events:
            return []
        texts = [b"\n".join([orjson.dumps(row) for row in rows]) for rows in events]
        names = [short_name(str(rows[0]["event_id"])) for rows in events]
        return await self._append(list(zip(names, texts, strict=True)), events[0][0])

    async def _append(self, events: Sequence[tuple[bytes, bytes]], first: EventRow) -> list[bool]:
        received_at = first["received_at"]
        if not isinstance(received_at, datetime):
            raise ValueError("`received_at` must be a datetime")  # noqa: TRY004 - a programmer's mistake
        today = received_at.astimezone(UTC).date()
        keys = EVENT_STREAM, EVENT_STREAM_BYTES, seen_events(today), seen_events(today - timedelta(days=1))
        args = [part for event in events for part in event]
        try:
            reply: Any = await self._redis.eval(self._script, 4, *keys, self._waiting_bytes, SEEN_SECONDS, *args)
        except (RedisError, OSError) as error:
            raise StoreUnavailable(
                f"events cannot be stored right now: {error}", remedy="Send the same request again later."
            ) from error
        if reply is None:
            raise StoreUnavailable(
                "too many events wait to be written to the log", remedy="Send the same request again later."
            )
        return [bool(is_new) for is_new in reply]


def short_name(event_id: str) -> bytes:
    """Eight bytes that stand for an event id: among ten million ids, two share one with a chance of 1 in 10**5."""
    return blake2b(event_id.encode(), digest_size=8).digest()
