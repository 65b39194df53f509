"""Calls to Redis for which nobody waits long: each has a deadline, and a Redis that is gone or hangs is not asked."""

import asyncio
from contextlib import suppress
from threading import Lock
from types import TracebackType
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

    def in_time(self, seconds: float = READING_SECONDS) -> "InTime":
        """A scope for asking Redis something that has to end within this time.

        Raises:
            KnownGone: it was not asked.
            NotInTime: it did not answer in time. What it was asked may be done yet.
        """
        self.must_not_be_gone()
        return InTime(self, seconds)

    def must_not_be_gone(self) -> None:
        """Raise KnownGone if it is not to be asked now."""
        if self.breaker.is_open:
            self._try_meanwhile()
            raise KnownGone("it is known to be gone")

    def heard(self, error: BaseException | None) -> None:
        """Learn from how a call ended; what has nothing to do with Redis says nothing of it."""
        if error is None or isinstance(error, ResponseError):  # it refused, so it is there
            self.breaker.succeeded()
        elif isinstance(error, (RedisError, OSError)):
            self.breaker.failed()
            self._try_meanwhile()

    def _try_meanwhile(self) -> None:
        if self._trying is None or self._trying.done():
            self._trying = asyncio.get_running_loop().create_task(self._try())

    async def _try(self) -> None:
        """Try until it answers."""
        while self.breaker.is_failing and (redis := self._redis()) is not None:
            await asyncio.sleep(PAUSE_SECONDS)
            with suppress(RedisError, OSError):
                async with InTime(self, READING_SECONDS):
                    await redis.ping()
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise asyncio.CancelledError  # redis-py swallows some (serving/cancellation.py)


_LINES, _MAKING = WeakKeyDictionary["Redis", Line](), Lock()


def line_to(redis: "Redis") -> Line:
    """The line of this client, for all who use it."""
    with _MAKING:
        return _LINES.get(redis) or _LINES.setdefault(redis, Line(redis))


class Within:
    """A scope that ends with TimeoutError once Redis has had its time, and the event loop a quiet moment to read.

    Without the second, a worker with more to do than it can would blame Redis, close its connections, and have yet more
    to do. A class, for every request enters several, and generators would take twice as long.
    """

    __slots__ = ("_last", "_loop", "_scope", "_seconds", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def __aenter__(self) -> None:
        self._loop, self._scope = asyncio.get_running_loop(), asyncio.timeout(None)
        await self._scope.__aenter__()
        self._last = self._loop.time() + self._seconds + BUSY_SECONDS
        self._timer = self._loop.call_later(self._seconds, self._wait_for_quiet)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        await self._scope.__aexit__(kind, error, trace)

    def _wait_for_quiet(self) -> None:
        self._timer = self._loop.call_later(QUIET_SECONDS, self._check)

    def _check(self) -> None:
        now = self._loop.time()
        was_quiet = now - self._timer.when() < QUIET_SECONDS
        if was_quiet or now > self._last:
            self._scope.reschedule(now)
        else:
            self._wait_for_quiet()


class InTime(Within):
    """The scope of one call to Redis, whose line hears how it ended; see `Line.in_time`."""

    __slots__ = ("_line",)

    def __init__(self, line: Line, seconds: float) -> None:
        super().__init__(seconds)
        self._line = line

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await super().__aexit__(kind, error, trace)
        except TimeoutError as late:
            error = late
        self._line.heard(error)
        if isinstance(error, TimeoutError):
            raise NotInTime(f"no answer within {self._seconds:g} s") from error
