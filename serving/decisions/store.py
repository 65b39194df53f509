"""Traces of decisions in Redis: for an hour, and no more of them than memory has room for."""

import zlib
from collections.abc import Callable
from time import monotonic

from redis.asyncio import Redis
from redis.exceptions import RedisError

from features.online.in_time import line_to
from features.online.keys import TRACE_SECONDS, decision_trace
from recommender.errors import StoreUnavailable
from recommender.ids import RecommendationId

# With what a trace weighs (about 4 KB) and how long it stays, these bound the memory: some 70 MB a worker.
TRACES_PER_SECOND = 5.0
TRACES_AT_ONCE = 100.0


class DecisionTraces:
    """Keeps traces as compressed JSON, readable from any worker; `elapsed` gives seconds from any start."""

    def __init__(self, redis: Redis, elapsed: Callable[[], float] = monotonic) -> None:
        self._redis, self._line = redis, line_to(redis)
        self._elapsed = elapsed
        self._allowance = TRACES_AT_ONCE
        self._counted_at = elapsed()

    async def keep(self, recommendation_id: RecommendationId, document: bytes) -> None:
        """Keep one trace; raises StoreUnavailable when Redis is gone, or when too many are asked for."""
        if not self._take_allowance():
            raise StoreUnavailable("More traces are asked for than are kept.", remedy="Ask for fewer explanations.")
        try:
            async with self._line.in_time():
                await self._redis.set(decision_trace(recommendation_id), zlib.compress(document), ex=TRACE_SECONDS)
        except (RedisError, OSError) as error:
            raise StoreUnavailable(f"The trace could not be kept: {error}", remedy="Try again in a moment.") from error

    async def read(self, recommendation_id: RecommendationId) -> bytes | None:
        """JSON of one trace; None: none is kept (any more). Raises StoreUnavailable when Redis is gone."""
        try:
            async with self._line.in_time():
                kept = await self._redis.get(decision_trace(recommendation_id))
        except (RedisError, OSError) as error:
            raise StoreUnavailable(f"Traces cannot be read now: {error}", remedy="Try again in a moment.") from error
        # The client is typed for replies as text as well; ours are bytes.
        return zlib.decompress(kept) if isinstance(kept, bytes) else None

    def _take_allowance(self) -> bool:
        now = self._elapsed()
        earned = (now - self._counted_at) * TRACES_PER_SECOND
        self._allowance, self._counted_at = min(TRACES_AT_ONCE, self._allowance + earned), now
        if self._allowance < 1.0:
            return False
        self._allowance -= 1.0
        return True
