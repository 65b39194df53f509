"""Repairs live state: makes the updates that a worker noted beside its events and did not live to make."""

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Any

from redis import Redis

from features.online.connection import connect
from features.online.keys import UNPROJECTED
from features.online.live_state import LiveState
from features.online.projection import decode_updates
from features.settings import Settings

LEFT_BEHIND_AFTER = timedelta(seconds=5)  # a worker makes its updates within milliseconds, or never
NOTES_PER_READ = 100

log = logging.getLogger(__name__)


def repair(redis: Redis, settings: Settings, now: datetime) -> int:
    """Make what was left behind until `now`; returns how many notes there were. To make an update twice is harmless.

    Raises:
        RedisError: live state cannot be reached; what is left stays noted.
    """
    names: Any = redis.hkeys(UNPROJECTED)
    left = [name for name in names if _is_left_behind(name, now)]
    for start in range(0, len(left), NOTES_PER_READ):
        some = left[start : start + NOTES_PER_READ]
        notes: Any = redis.hmget(UNPROJECTED, some)
        asyncio.run(_apply(settings, [note for note in notes if note is not None]))
        redis.hdel(UNPROJECTED, *some)
    return len(left)


async def _apply(settings: Settings, notes: list[bytes]) -> None:
    async with connect(settings) as redis:
        live = LiveState(redis)
        for note in notes:
            try:
                updates = decode_updates(note)
            except ValueError:
                log.exception("a note of live state cannot be read, and is dropped; the log has its events")
                continue
            await live.merge(updates)


def _is_left_behind(name: bytes, now: datetime) -> bool:
    """By the time in its name; one that lies far ahead is of a clock that was wrong."""
    age_ms = now.timestamp() * 1000 - int(name.split(b"-")[0])
    return abs(age_ms) > LEFT_BEHIND_AFTER / timedelta(milliseconds=1)
