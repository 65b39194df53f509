"""Calls to Redis for which nobody waits long: each has a deadline, and a Redis that is gone or hangs is not asked."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, ref

from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as NotInTime

from features.breaker import PAUSE_SECONDS, Breaker

if TYPE_CHECKING:
    from redis.asyncio import Redis

READING_SECONDS = 1.0  # that a caller waits for what is a look at a key
KEEPING_SECONDS = 2.0  # the same for what Redis syncs to its disk before it answers
QUIET_SECONDS = 0.001  # a timer of this length that fires much later was held up by our own work, not by Redis
BUSY_SECONDS = 1.0  # that we may have been held up by ourselves; then it is given up, whoever was late


class KnownGone(ConnectionLost):
    """Redis was not asked, because it did not answer of late."""


class Line:
    """All calls of this process to one Redis: each ends in time, and none is made while it is known to be gone.

    From the first failure on it is tried in the background, so that no caller waits to learn whether it is back.

    Attributes:
        breaker: whether it is taken for gone.
    """

    def __init__(self, redis: "Redis") -> None:
        self.breaker = Breaker()
        self._redis = ref(redis)  # not to keep the client, by which this is found
        self._trying: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def in_time(self, seconds: float = READING_SECONDS) -> AsyncGenerator[None]:
        """Ask Redis something that has to end within this time.

        Raises:
            KnownGone: it was not asked.
            NotInTime: it did not answer in time. What it was asked may be done yet.
        """
        if self.breaker.is_open:
            self._try_meanwhile()
            raise KnownGone("it is known to be gone")
        async with self._judged(seconds):
            yield

    @asynccontextmanager
    async def _judged(self, seconds: float) -> AsyncGenerator[None]:
        try:
            async with within(seconds):
                yield
        except ResponseError:  # so it is there
            self.breaker.succeeded()
            raise
        except (RedisError, OSError) as error:
            self.breaker.failed()
            self._try_meanwhile()
            if isinstance(error, TimeoutError):
                raise NotInTime(f"no answer within {seconds:g} s") from error
            raise
        self.breaker.succeeded()

    def _try_meanwhile(self) -> None:
        if self._trying is None or self._trying.done():
            self._trying = asyncio.get_running_loop().create_task(self._try())

    async def _try(self) -> None:
        """Try until it answers."""
        while self.breaker.is_failing and (redis := self._redis()) is not None:
            await asyncio.sleep(PAUSE_SECONDS)
            with suppress(RedisError, OSError):
                async with self._judged(READING_SECONDS):
                    await redis.ping()
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise asyncio.CancelledError  # redis-py swallows some (serving/cancellation.py)


_LINES, _MAKING = WeakKeyDictionary["Redis", Line](), Lock()


def line_to(redis: "Redis") -> Line:
    """The line of this client, for all who use it."""
    with _MAKING:
        return _LINES.get(redis) or _LINES.setdefault(redis, Line(redis))


@asynccontextmanager
async def within(seconds: float) -> AsyncGenerator[None]:
    """A scope that ends with TimeoutError once Redis has had its time, and the event loop a quiet moment to read.

    Without the second, a worker with more to do than it can would blame Redis, close its connections, and have yet more
    to do.
    """
    async with asyncio.timeout(None) as scope:
        deadline = _Deadline(scope, seconds)
        try:
            yield
        finally:
            deadline.cancel()


class _Deadline:
    def __init__(self, scope: asyncio.Timeout, seconds: float) -> None:
        self._scope = scope
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time() + seconds + BUSY_SECONDS
        self._timer = self._loop.call_later(seconds, self._wait_for_quiet)

    def cancel(self) -> None:
        """What was asked has ended."""
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
