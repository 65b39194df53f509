"""Live state of the caller of a request: one round trip that may not take long."""

import asyncio

from redis.exceptions import RedisError

from features.online.live_state import NO_LIVE_EVENTS, LiveEvents, LiveState
from serving.metrics import Metrics
from serving.recommendations.questions import Caller

SESSION = "session"  # what an answer says is degraded when live state is missing


class LiveReader:
    """Reads live state, or does without it when Redis is late or gone."""

    def __init__(self, live: LiveState, metrics: Metrics, deadline_seconds: float) -> None:
        self._live = live
        self._metrics = metrics
        self._deadline_seconds = deadline_seconds

    async def read(self, caller: Caller) -> tuple[LiveEvents, tuple[str, ...]]:
        """Recent events of the caller, and what is degraded; returns within the deadline in any case."""
        if caller.user_id is None and caller.anonymous_id is None:
            return NO_LIVE_EVENTS, ()
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await self._live.read(caller.user_id, caller.anonymous_id), ()
        except TimeoutError:
            self._metrics.live_state_missed("late")
        except (RedisError, OSError):
            self._metrics.live_state_missed("gone")
        return NO_LIVE_EVENTS, (SESSION,)
