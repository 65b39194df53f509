"""Commands of many callers to Redis, over one connection that is kept."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from redis.asyncio.cluster import RedisCluster
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as NotInTime

from features.online.in_time import READING_SECONDS, KnownGone, Within, line_to
from features.told import tell

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.connection import AbstractConnection

Argument = str | bytes | int


def as_it_came(reply: Any) -> Any:  # noqa: ANN401 - what Redis answers
    """The reply itself."""
    return reply


@dataclass(frozen=True, slots=True)
class _Asked:
    command: Sequence[bytes]
    seconds: float
    read: Callable[[Any], Any]
    answered: "asyncio.Future[Any]"


class GatheredCalls:
    """Sends commands; what is asked for while some are under way goes out together with the next.

    The client of redis-py takes a connection from its pool for each command, and gives it back: most of what a command
    costs here, and several times what it costs Redis. A caller that gives up leaves its command, which may be executed
    if it was sent by then.
    """

    def __init__(self, redis: "Redis") -> None:
        self._redis, self._line = ref(redis), line_to(redis)  # not to keep the client, by which this is found
        self._is_cluster = isinstance(redis, RedisCluster)  # whose keys lie on several nodes
        self._asked: list[_Asked] = []
        self._sending: asyncio.Task[None] | None = None
        self._connection: AbstractConnection | None = None

    def call(
        self, *command: Argument, seconds: float = READING_SECONDS, read: Callable[[Any], Any] = as_it_came
    ) -> "asyncio.Future[Any]":
        """Ask for one command now; what comes of it is what `read` makes of the reply of Redis.

        Where there are several to ask for, ask for all before awaiting any: they go out together. Nobody waits much
        longer than `seconds`, or than those of the callers before whom the same exchange, or the one before, holds up.

        Awaiting it raises KnownGone, NotInTime, RedisError, OSError, what `read` raises, and ValueError for what is no
        UTF-8.
        """
        loop = asyncio.get_running_loop()
        if self._is_cluster:
            return loop.create_task(self._call_cluster(command, seconds, read))
        answered = loop.create_future()
        try:
            self._line.must_not_be_gone()
            self._asked.append(_Asked([encode(argument) for argument in command], seconds, read, answered))
        except (KnownGone, ValueError) as error:
            tell(answered, error)
            return answered
        if self._sending is None or self._sending.done():
            self._sending = loop.create_task(self._send_on())
        return answered

    async def _call_cluster(self, command: Sequence[Argument], seconds: float, read: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - what `read` makes
        async with self._line.in_time(seconds):
            redis = self._redis()
            if redis is None:
                raise _thrown_away()
            # What was there before is to come of a `SET … GET` as it is; redis-py takes it for whether it was set.
            reply = await redis.execute_command(*command, **({"get": True} if command[0] == "SET" else {}))
        return read(reply)

    async def _send_on(self) -> None:
        """Send until nobody has asked meanwhile."""
        while self._asked:
            # Who gave up was told that nothing is done, and is kept to that as far as it can be.
            asked, self._asked = [one for one in self._asked if not one.answered.done()], []
            if not asked:
                break
            try:
                replies = await self._exchange([one.command for one in asked], max(one.seconds for one in asked))
            except Exception as error:  # for those who asked
                if isinstance(error, NotInTime):  # who came meanwhile has waited for the same Redis
                    asked, self._asked = asked + self._asked, []
                for one in asked:
                    self._line.heard(error)
                    tell(one.answered, error)
            else:
                self._line.heard(None)
                for one, reply in zip(asked, replies, strict=True):
                    tell(one.answered, _read(one, reply))

    async def _exchange(self, commands: Sequence[Sequence[bytes]], seconds: float) -> list[object]:
        """Replies to commands, connecting included; what Redis refuses has its error for a reply."""
        replies: list[object] = []
        try:
            async with Within(seconds):  # when it ends so, the connection closes itself: replies may come yet
                if self._connection is None:
                    self._connection = await self._connect()
                    await _ask(self._connection, commands, replies)
                    return replies
                try:
                    await _ask(self._connection, commands, replies)
                except ConnectionLost:  # as each that was kept is, when the server was started anew
                    await _ask(self._connection, commands[len(replies) :], replies)
        except TimeoutError as late:
            raise NotInTime(f"no answer within {seconds:g} s") from late
        return replies

    async def _connect(self) -> "AbstractConnection":
        redis = self._redis()
        if redis is None:
            raise _thrown_away()
        connection = await redis.connection_pool.get_connection()
        connection.socket_timeout = None  # its own deadlines take a task for each command, and a timer for each reply
        return connection


def _read(asked: _Asked, reply: object) -> object:
    if isinstance(reply, Exception):
        return reply
    try:
        return asked.read(reply)
    except Exception as error:  # for who asked
        return error


def _thrown_away() -> ConnectionLost:
    return ConnectionLost("the client was thrown away")


_CALLS, _MAKING = WeakKeyDictionary["Redis", GatheredCalls](), Lock()


def calls_to(redis: "Redis") -> GatheredCalls:
    """The calls of this client that go over one connection: of all who write, and who read because they will."""
    with _MAKING:
        return _CALLS.get(redis) or _CALLS.setdefault(redis, GatheredCalls(redis))


def encode(argument: Argument) -> bytes:
    """An argument as it is sent; raises ValueError for text that is no UTF-8."""
    return argument if isinstance(argument, bytes) else str(argument).encode()


async def _ask(connection: "AbstractConnection", commands: Sequence[Sequence[bytes]], replies: list[object]) -> None:
    if not connection.is_connected:
        await connection.connect()
    await connection.send_packed_command(b"".join(map(_packed, commands)), check_health=False)
    for _ in commands:
        try:
            replies.append(await connection.read_response())
        except ResponseError as error:
            replies.append(error)


def _packed(command: Sequence[bytes]) -> bytes:
    """A command as Redis takes it."""
    return b"*%d\r\n%b" % (len(command), b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in command]))
