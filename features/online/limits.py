"""What workers tell each other over Redis about who calls how often, and who guesses."""

import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from redis.asyncio import RedisCluster

from features.online.in_time import line_to
from features.online.keys import FAILURES_SECONDS, LIMIT_SECONDS, failures_of, limit_of, load_script

if TYPE_CHECKING:
    from redis.asyncio import Redis

LIMITS_AT_ONCE = 100  # of one script, which holds Redis up while it runs


class SharedLimits:
    """How used up limits are, over all workers. Who they are of is kept as a keyed hash."""

    def __init__(self, redis: "Redis") -> None:
        self._redis, self._line = redis, line_to(redis)
        self._advance, self._count = load_script("advance_limits"), load_script("count_failures")
        self._at_once = 1 if isinstance(redis, RedisCluster) else LIMITS_AT_ONCE  # in a cluster they lie apart

    async def advance(self, taken: Mapping[str, float]) -> list[float]:
        """Add what was let through here.

        Args:
            taken: by digest of a limit, the seconds that it takes to come back, above 0.

        Returns:
            Seconds until each of them is whole again, in their order. One round trip.
        """
        pipeline, names = self._redis.pipeline(transaction=False), list(taken)
        for start in range(0, len(names), self._at_once):
            some = names[start : start + self._at_once]
            args = [str(max(1, round(1_000 * taken[name]))) for name in some]
            pipeline.eval(self._advance, len(some), *map(limit_of, some), str(1_000 * LIMIT_SECONDS), *args)
        async with self._line.in_time():
            replies: list[list[int]] = await pipeline.execute()
        return [left / 1_000 for reply in replies for left in reply]

    async def count(self, failures: Mapping[str, int]) -> list[tuple[int, float]]:
        """Add failures by digest of who failed; returns for each how many there are, and how long still, in seconds.

        One round trip.
        """
        pipeline = self._redis.pipeline(transaction=False)
        for name, new in failures.items():
            pipeline.eval(self._count, 1, failures_of(name), str(new), str(1_000 * FAILURES_SECONDS))
        async with self._line.in_time():
            replies: list[tuple[int, int]] = await pipeline.execute()
        return [(counted, left / 1_000) for counted, left in replies]


def digest_of_caller(secret: bytes, who: Sequence[str]) -> str:
    """What Redis knows a caller by: an address, a subject, or several such words together."""
    return hmac.new(secret, "\0".join(("caller", *who)).encode("utf-8", "surrogateescape"), sha256).hexdigest()[:32]
