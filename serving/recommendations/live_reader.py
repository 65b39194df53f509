"""Live state of the caller of a request: one round trip that may not take long."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as NotInTime

from features.breaker import Breaker
from features.identity import Identifier, Presented
from features.online.in_time import KnownGone, Within
from features.online.live_events import NO_PLACES
from features.online.live_state import NO_LIVE_EVENTS, LiveEvents, LiveState
from recommender.ids import AnonymousId, UserId
from serving.metrics import Metrics
from serving.recommendations.questions import Caller


class LiveReader:
    """Reads live state, or does without it when Redis is late or gone.

    Args:
        hides_place: whether it may not be used where somebody is, who comes under these identifiers.
        breaker: of reads that may take no longer than the deadline: a Redis that is late for these can be there.
    """

    def __init__(
        self,
        live: LiveState,
        metrics: Metrics,
        deadline_seconds: float,
        hides_place: Callable[[Sequence[Identifier]], bool],
        breaker: Breaker,
    ) -> None:
        self._live, self._breaker = live, breaker
        self._hides_place = hides_place
        self._metrics = metrics
        self._deadline_seconds = deadline_seconds

    async def connect(self) -> None:
        """Open the connection, so that the first recommendation does not wait for that; without Redis, do nothing."""
        with suppress(RedisError, OSError):
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

    def read_along(self, user_id: UserId | None, anonymous_id: AnonymousId | None) -> Awaitable[LiveEvents]:
        """The same of one who is not answered without, see `LiveState.read_along`; raises RedisError and OSError."""
        return self._live.read_along(
            user_id, anonymous_id, partial(self._placed, Caller(user_id=user_id, anonymous_id=anonymous_id))
        )

    async def read_all(self, callers: Sequence[Caller]) -> Sequence[LiveEvents | None]:
        """The same of many callers whom nobody waits for, in round trips that they share; all None: no Redis."""
        try:
            found = await asyncio.gather(*(self._live.read(one.user_id, one.anonymous_id) for one in callers))
        except (RedisError, OSError) as error:
            self._metrics.live_state_missed(_cause_of(error))
            return [None] * len(callers)
        return [self._placed(caller, live) for caller, live in zip(callers, found, strict=True)]

    def _placed(self, caller: Caller, live: LiveEvents) -> LiveEvents:
        if not live.places or not self._hides_place(Presented(caller.user_id, caller.anonymous_id).identifiers()):
            return live
        return replace(live, places=NO_PLACES)


def _cause_of(error: Exception) -> str:
    """Why live state was missed, as metrics call it."""
    if isinstance(error, KnownGone):
        return "open"
    return "late" if isinstance(error, TimeoutError | NotInTime) else "gone"
