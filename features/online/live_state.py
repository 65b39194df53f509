"""Live state of shoppers in Redis: the newest events of each identifier, whatever order they came in."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from redis.asyncio import RedisCluster

from features.online.gathered_calls import calls_to
from features.online.gathered_reads import GatheredReads
from features.online.in_time import KEEPING_SECONDS, line_to
from features.online.keys import (
    LIVE_STATE_EVENTS,
    LIVE_STATE_SECONDS,
    live_state_of_user,
    live_state_of_visitor,
    load_script,
)
from features.online.live_events import NO_LIVE_EVENTS, LiveEntry, LiveEvent, LiveEvents, LivePlace
from features.online.live_value import RECORD_BYTES, as_update, pack_emptied, pack_unplaced, unpack
from features.online.projection import Updates, updates_of
from recommender.ids import AnonymousId, UserId

if TYPE_CHECKING:
    from redis.asyncio import Redis

KEYS_AT_ONCE = 50  # of one script: packing a command costs more than what it does, but it holds Redis up while it runs

__all__ = ["NO_LIVE_EVENTS", "LiveEntry", "LiveEvent", "LiveEvents", "LivePlace", "LiveState"]


class LiveState:
    """The newest events of each identifier: an idempotent, order-independent projection of the event stream."""

    def __init__(self, redis: "Redis") -> None:
        self._redis, self._line = redis, line_to(redis)
        self._values, self._calls = GatheredReads(redis), calls_to(redis)
        self._keep_newest = load_script("keep_newest_events")
        self._is_cluster = isinstance(redis, RedisCluster)
        self._keys_at_once = 1 if self._is_cluster else KEYS_AT_ONCE  # in a cluster they lie apart

    async def read(self, user_id: UserId | None, anonymous_id: AnonymousId | None) -> LiveEvents:
        """Events of both identifiers, merged; one round trip, which many readers may share."""
        keys = keys_of(user_id, anonymous_id)
        return unpack(await self._values.get(keys)) if keys else NO_LIVE_EVENTS

    def read_along(
        self, user_id: UserId | None, anonymous_id: AnonymousId | None, then: Callable[[LiveEvents], LiveEvents]
    ) -> Awaitable[LiveEvents]:
        """The same, asked for now, in the round trip of whatever else is: for who can wait for what others write.

        `then` makes of the events, once they are there, what this comes to.
        """
        keys = keys_of(user_id, anonymous_id)
        if self._is_cluster or not keys:
            return asyncio.create_task(self._read_then(user_id, anonymous_id, then))
        return self._calls.call("MGET", *keys, read=lambda values: then(unpack(values)))

    async def _read_then(
        self, user_id: UserId | None, anonymous_id: AnonymousId | None, then: Callable[[LiveEvents], LiveEvents]
    ) -> LiveEvents:
        return then(await self.read(user_id, anonymous_id))

    async def apply(
        self, entries: Iterable[LiveEntry], user_id: UserId | None = None, anonymous_id: AnonymousId | None = None
    ) -> None:
        """Take in what one shopper did, under each identifier that is given."""
        listed = list(entries)
        await self.apply_all(dict.fromkeys(keys_of(user_id, anonymous_id), listed))

    async def apply_all(self, entries_by_key: Mapping[str, Sequence[LiveEntry]], allowed_at: int = 0) -> None:
        """Take in what many shoppers did, by key of `features.online.keys`; one round trip.

        `allowed_at` is the change number of the ledger of consents as of which it may be kept: nothing is kept under a
        key that was emptied by more of it.
        """
        await self.merge(updates_of(entries_by_key, allowed_at))

    async def merge(self, updates: Updates) -> None:
        """Make updates; one round trip."""
        async with self._line.in_time(KEEPING_SECONDS):
            await self._merge(updates.items())

    async def copy(self, copies: Sequence[tuple[str, str]], allowed_at: int = 0) -> None:
        """Merge what is kept under one key into another, for each (from, to) of `features.online.keys`.

        Two round trips. Doing it again changes nothing, and a source that holds nothing is left out, as is one that
        was emptied by more of the ledger of consents than `allowed_at`.
        """
        async with self._line.in_time(KEEPING_SECONDS):
            reading = self._redis.pipeline(transaction=False)
            for source, _ in copies:
                reading.get(source)
            values: list[bytes | None] = await reading.execute()
            known = zip(copies, values, strict=True)
            found = [(target, None if value is None else as_update(value, allowed_at)) for (_, target), value in known]
            await self._merge((target, update) for target, update in found if update is not None)

    async def empty(self, keys: Collection[str], emptied_at: int) -> None:
        """Empty keys of `features.online.keys`, as of a change number of the ledger of consents; one round trip.

        That stays written under them, so that a worker that knows less of the ledger neither adds anything nor takes
        its own knowledge for the last word. One that knows as much goes by what it knows.
        """
        async with self._line.in_time(KEEPING_SECONDS):
            await self._merge((key, pack_emptied(emptied_at)) for key in keys)

    async def forget_places(self, keys: Collection[str], unplaced_at: int) -> None:
        """Forget where the shoppers were, as of a change number of the ledger of consents; one round trip.

        As with `empty`, a worker that knows less of the ledger adds no place afterwards. Said again, it does nothing.
        """
        async with self._line.in_time(KEEPING_SECONDS):
            await self._merge((key, pack_unplaced(unplaced_at)) for key in keys)

    async def _merge(self, updates: Iterable[tuple[str, bytes]]) -> None:
        pipeline, waiting = self._redis.pipeline(transaction=False), list(updates)
        for start in range(0, len(waiting), self._keys_at_once):
            some = waiting[start : start + self._keys_at_once]
            shared = LIVE_STATE_EVENTS, RECORD_BYTES, LIVE_STATE_SECONDS
            args = [*[key for key, _ in some], *shared, *[value for _, value in some]]
            # EVAL, not EVALSHA: that would cost a round trip to learn whether the script is loaded.
            pipeline.eval(self._keep_newest, len(some), *args)  # pyright: ignore[reportArgumentType] - typed for text
        await pipeline.execute()

    async def forget(self, keys: Sequence[str]) -> None:
        """Forget what is kept under keys of `features.online.keys`; one round trip."""
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.delete(key)
        async with self._line.in_time(KEEPING_SECONDS):
            await pipeline.execute()


def keys_of(user_id: UserId | None, anonymous_id: AnonymousId | None) -> list[str]:
    """The keys under which a shopper with these identifiers is kept."""
    keys: list[str] = []
    if user_id is not None:
        keys.append(live_state_of_user(user_id))
    if anonymous_id is not None:
        keys.append(live_state_of_visitor(anonymous_id))
    return keys
