"""Live state of the caller of a request: one round trip that may not take long."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from redis.exceptions import RedisError

from features.breaker import Breaker
from features.identity import Identifier, Presented
from features.online.live_events import NO_PLACES
from features.online.live_state import NO_LIVE_EVENTS, LiveEvents, LiveState
from recommender.ids import AnonymousId, UserId
from serving.metrics import Metrics
from serving.recommendations.questions import Caller

QUIET_SECONDS = 0.001  # a timer of this length that fires much later was held up by our own work, not by Redis
MOST_SECONDS = 1.0  # after that the read is given up, whoever was late


class LiveReader:
    """Reads live state, or does without it when Redis is late or gone.

    Args:
        hides_place: whether it may not be used where somebody is, who comes under these identifiers.
        breaker: of Redis.
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

    async def read(self, caller: Caller) -> LiveEvents | None:
        """Recent events of the caller; None: Redis did not say until the deadline."""
        if caller.user_id is None and caller.anonymous_id is None:
            return NO_LIVE_EVENTS
        if not self._breaker.lets_through():
            self._metrics.live_state_missed("open")
            return None
        try:
            async with asyncio.timeout(None) as scope:
                deadline = _Deadline(scope, self._deadline_seconds)
                try:
                    live = await self._live.read(caller.user_id, caller.anonymous_id)
                finally:
                    deadline.cancel()
        except (TimeoutError, RedisError, OSError) as error:
            self._missed(error)
            return None
        self._breaker.succeeded()
        return self._placed(caller, live)

    async def read_patiently(self, user_id: UserId | None, anonymous_id: AnonymousId | None) -> LiveEvents | None:
        """The same of one who is not answered without; None: Redis is gone, or did not say within MOST_SECONDS."""
        [live] = await self.read_all([Caller(user_id=user_id, anonymous_id=anonymous_id)])
        return live

    async def read_all(self, callers: Sequence[Caller]) -> Sequence[LiveEvents | None]:
        """The same of many callers whom nobody waits for, in round trips that they share; all None: no Redis."""
        if not self._breaker.lets_through():
            self._metrics.live_state_missed("open")
            return [None] * len(callers)
        try:
            async with asyncio.timeout(MOST_SECONDS):
                found = await asyncio.gather(*(self._live.read(one.user_id, one.anonymous_id) for one in callers))
        except (TimeoutError, RedisError, OSError) as error:
            self._missed(error)
            return [None] * len(callers)
        self._breaker.succeeded()
        return [self._placed(caller, live) for caller, live in zip(callers, found, strict=True)]

    def _missed(self, error: Exception) -> None:
        self._breaker.failed()
        self._metrics.live_state_missed("late" if isinstance(error, TimeoutError) else "gone")

    def _placed(self, caller: Caller, live: LiveEvents) -> LiveEvents:
        if not live.places or not self._hides_place(Presented(caller.user_id, caller.anonymous_id).identifiers()):
            return live
        return replace(live, places=NO_PLACES)


class _Deadline:
    """Ends a scope once Redis has had its time, and the event loop a quiet moment to read an answer that is there.

    Without the second, a worker with more to do than it can would blame Redis, close its connections, and have yet more
    to do.
    """

    def __init__(self, scope: asyncio.Timeout, seconds: float) -> None:
        self._scope = scope
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time() + MOST_SECONDS
        self._timer = self._loop.call_later(seconds, self._wait_for_quiet)

    def cancel(self) -> None:
        """The read has ended."""
        self._timer.cancel()

    def _wait_for_quiet(self) -> None:
        self._timer = self._loop.call_later(QUIET_SECONDS, self._check)

    def _check(self) -> None:
        now = self._loop.time()
        was_quiet = now - self._timer.when() < QUIET_SECONDS
        if was_quiet or now > self._last:
            self._scope.reschedule(now)
        else:
            self._wait_for_quiet()
