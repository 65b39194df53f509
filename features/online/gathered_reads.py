"""Reads of values in Redis for many callers at once."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from redis.asyncio.cluster import RedisCluster

from features.online.gathered_calls import GatheredCalls, encode
from features.online.in_time import line_to
from features.told import tell

if TYPE_CHECKING:
    from redis.asyncio import Redis

Values = Sequence[bytes | None]


class GatheredReads:
    """Reads the values of keys; what is asked for while one read is under way goes into the next one.

    To send a command and take its reply costs as much as a tenth of a recommendation, and for the keys of thirty
    callers hardly more than for one. A caller that gives up leaves the read, and its connection, to the others.
    """

    def __init__(self, redis: "Redis") -> None:
        # The keys of a cluster lie on several nodes: it is asked for each slot of them.
        self._of_cluster: Any = redis.mget_nonatomic if isinstance(redis, RedisCluster) else None
        self._calls, self._line = GatheredCalls(redis), line_to(redis)
        self._asked: list[tuple[Sequence[bytes], asyncio.Future[Values]]] = []
        self._reading: asyncio.Task[None] | None = None

    async def get(self, keys: Sequence[str]) -> Values:
        """The values of one caller's keys, in their order, None where there is none; raises what the read raises.

        Also ValueError, for a key that is no UTF-8.
        """
        encoded = [encode(key) for key in keys]
        loop = asyncio.get_running_loop()
        answered = loop.create_future()
        self._asked.append((encoded, answered))
        if self._reading is None or self._reading.done():
            self._reading = loop.create_task(self._read_on())
        return await answered

    async def _read(self, keys: Sequence[bytes]) -> list[Any]:
        if self._of_cluster is not None:
            async with self._line.in_time():
                return await self._of_cluster(keys)
        return await self._calls.call("MGET", *keys)

    async def _read_on(self) -> None:
        """Read until nobody has asked meanwhile."""
        while self._asked:
            asked, self._asked = [one for one in self._asked if not one[1].done()], []
            if not asked:
                break
            try:
                values = await self._read([key for keys, _ in asked for key in keys])
            except Exception as error:  # for those who asked
                for _, answered in asked:
                    tell(answered, error)
            else:
                start = 0
                for keys, answered in asked:
                    tell(answered, values[start : start + len(keys)])
                    start += len(keys)
