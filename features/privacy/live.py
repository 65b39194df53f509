"""Takes people out of Redis: live state, notes of updates, names of events, traces; and out of its file."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from features.events.stream import short_name
from features.identity import ANONYMOUS_ID, USER_ID, Identifier
from features.online.keys import (
    UNPROJECTED,
    decision_trace,
    live_state_of_user,
    live_state_of_visitor,
    seen_events,
)
from features.online.projection import decode_updates, encode_updates
from features.privacy.log import ErasedFromLog
from features.privacy.presence import presence_keys_of
from recommender.ids import AnonymousId, RecommendationId, UserId

REWRITE_SECONDS = 120.0  # longest wait until Redis has written its file anew


def live_keys_of(named: Sequence[Identifier]) -> list[str]:
    """Keys of live state of these identifiers."""
    users = [live_state_of_user(UserId(value)) for kind, value in named if kind == USER_ID]
    return users + [live_state_of_visitor(AnonymousId(value)) for kind, value in named if kind == ANONYMOUS_ID]


def forget_live_state(redis: Redis, named: Sequence[Identifier]) -> int:
    """Forget what live state, the notes of its updates and presence hold; returns how many values that were."""
    keys = live_keys_of(named)
    forgotten = _forget_notes(redis, set(keys))  # first: what a note says comes back
    return forgotten + sum(int(redis.delete(key)) for key in (*keys, *presence_keys_of(named)))  # pyright: ignore[reportArgumentType] - not async


def forget_names(redis: Redis, erased: ErasedFromLog, now: datetime) -> int:
    """Forget names of recent events and traces of lists; an order line that stayed is known by its new name."""
    days = [seen_events((now + timedelta(days=days)).date()) for days in (-2, -1, 0, 1)]
    for day in days:
        for old in erased.forgotten:
            redis.srem(day, short_name(old))
        for old, new in erased.renamed.items():
            if redis.srem(day, short_name(old)):
                redis.sadd(day, short_name(new))
    lists = [decision_trace(RecommendationId(one)) for one in erased.lists]
    return sum(int(redis.delete(key)) for key in lists)  # pyright: ignore[reportArgumentType] - not async


def rewrite_file(redis: Redis) -> bool:
    """Let Redis write its append-only file anew, without what was deleted; False where it may not be asked to."""
    try:
        redis.bgrewriteaof()
        end = monotonic() + REWRITE_SECONDS
        while monotonic() < end:
            state: Any = redis.info("persistence")
            if not state["aof_rewrite_in_progress"] and not state["aof_rewrite_scheduled"]:
                return True
            sleep(0.02)
    except RedisError:
        return False
    return False


def _forget_notes(redis: Redis, keys: set[str]) -> int:
    forgotten = 0
    notes: Any = redis.hscan_iter(UNPROJECTED)
    for name, note in notes:
        try:
            updates = decode_updates(note)
        except ValueError:
            continue  # the repair drops it
        kept = {key: value for key, value in updates.items() if key not in keys}
        if len(kept) == len(updates):
            continue
        forgotten += len(updates) - len(kept)
        # A worker may settle the note meanwhile; then it must not come back.
        if kept and redis.hexists(UNPROJECTED, name):
            redis.hset(UNPROJECTED, name, encode_updates(kept))  # pyright: ignore[reportArgumentType] - typed for text
        else:
            redis.hdel(UNPROJECTED, name)
    return forgotten
