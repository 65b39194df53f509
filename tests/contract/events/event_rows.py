"""Events for the tests of the stream and the log, and short ways to append and read them."""

import asyncio
from datetime import UTC, datetime

from redis import Redis

from features.events.log import scan_events
from features.events.stream import EventRow, EventStream
from features.online.connection import connect
from features.settings import Settings

NOW = datetime(2026, 11, 20, 23, 59, 59, 123_000, tzinfo=UTC)


def order(event_id: str, n_lines: int = 1, received_at: datetime = NOW) -> list[EventRow]:
    return [
        {
            "event_id": event_id, "line": line, "event": "Order Completed", "user_id": "ann", "item_id": f"i{line}",
            "consent": ["personalisation"], "synthetic": False, "occurred_at": NOW, "received_at": received_at,
        }
        for line in range(n_lines)
    ]  # fmt: skip


def append(settings: Settings, *calls: list[list[EventRow]], waiting_bytes: int = 10**9) -> list[list[bool]]:
    async def run() -> list[list[bool]]:
        async with connect(settings) as redis:
            stream = EventStream(redis, waiting_bytes)
            return [await stream.append_once(events) for events in calls]

    return asyncio.run(run())


def open_sync(settings: Settings) -> Redis:
    assert settings.redis_url is not None
    return Redis.from_url(settings.redis_url)


def logged(settings: Settings) -> list[tuple[str, int]]:
    return sorted(scan_events(settings).select("event_id", "line").collect().rows())
