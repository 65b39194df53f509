"""Live state of the caller of a request: one round trip that may not take long."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as NotInTime

from features.breaker import Breaker
from features.identity import Identifier, Presented
from features.online.in_time import READING_SECONDS, KnownGone, Line, Within
from features.online.live_events import NO_PLACES
from features.online.live_state import NO_LIVE_EVENTS, LiveEvents, LiveState
from recommender.ids import AnonymousId, UserId
from serving.metrics import Metrics
from serving.recommendations.questions import Caller

Read = TypeVar("Read")


class LiveReader:
    """Reads live state, or does without it when Redis is late or gone.

    Args:
        hides_place: whether it may not be used where somebody is, who comes under these identifiers.
        breaker: of reads that may take no longer than the deadline: a Redis that is late for these can be there.
        line: of those who wait longer.
    """

    def __init__(
        self,
        live: LiveState,
        metrics: Metrics,
        deadline_seconds: float,
        hides_place: Callable[[Sequence[Identifier]], bool],
        breaker: Breaker,
        line: Line,
    ) -> None:
        self._live, self._breaker, self._line = live, breaker, line
        self._hides_place = hides_place
        self._metrics = metrics
        self._deadline_seconds = deadline_seconds

    async def connect(self) -> None:
        """Open the connection, so that the first recommendation does not wait for that; without Redis, do nothing."""
        with suppress(RedisError, OSError):
            async with self._line.in_time(READING_SECONDS):
                await self._live.read(UserId("nobody"), None)

    async def read(self, caller: Caller) -> LiveEvents | None:
        """Recent events of the caller; None: Redis did not say until the deadline."""
        if caller.user_id is None and caller.anonymous_id is None:
            return NO_LIVE_EVENTS
        if not self._breaker.lets_through():
            self._metrics.live_state_missed("open")
            return None
        try:
            async with Within(self._deadline_seconds):
                live = await self._live.read(caller.user_id, caller.anonymous_id)
        except (RedisError, OSError) as error:
            self._breaker.failed()
            self._metrics.live_state_missed(_cause_of(error))
            return None
        self._breaker.succeeded()
        return self._placed(caller, live)

    async def read_patiently(self, user_id: UserId | None, anonymous_id: AnonymousId | None) -> LiveEvents | None:
        """The same of one who is not answered without; None: Redis is gone, or did not say within READING_SECONDS."""
        caller = Caller(user_id=user_id, anonymous_id=anonymous_id)
        live = await self._in_time(lambda: self._live.read_along(user_id, anonymous_id))
        return None if live is None else self._placed(caller, live)

    async def read_all(self, callers: Sequence[Caller]) -> Sequence[LiveEvents | None]:
        """The same of many callers whom nobody waits for, in round trips that they share; all None: no Redis."""
        found = await self._in_time(
            lambda: asyncio.gather(*(self._live.read(one.user_id, one.anonymous_id) for one in callers))
        )
        if found is None:
            return [None] * len(callers)
        return [self._placed(caller, live) for caller, live in zip(callers, found, strict=True)]

    async def _in_time(self, read: Callable[[], Awaitable[Read]]) -> Read | None:
        """What is read of Redis within READING_SECONDS; else None, which is counted."""
        try:
            async with self._line.in_time(READING_SECONDS):
                return await read()
        except (RedisError, OSError) as error:
            self._metrics.live_state_missed(_cause_of(error))
            return None

    def _placed(self, caller: Caller, live: LiveEvents) -> LiveEvents:
        if not live.places or not self._hides_place(Presented(caller.user_id, caller.anonymous_id).identifiers()):
            return live
        return replace(live, places=NO_PLACES)


def _cause_of(error: Exception) -> str:
    """Why live state was missed, as metrics call it."""
    if isinstance(error, KnownGone):
        return "open"
    return "late" if isinstance(error, TimeoutError | NotInTime) else "gone"
