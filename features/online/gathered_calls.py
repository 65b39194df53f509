"""Commands of many callers to Redis, over one connection that is kept."""

import asyncio
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from redis.asyncio.cluster import RedisCluster
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import ResponseError

from features.online.in_time import Within

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.connection import AbstractConnection

Argument = str | bytes | int
GIVEN_UP_SECONDS = 2.0  # that one exchange may take, connecting included; then its connection is closed


class GatheredCalls:
    """Sends commands; what is asked for while some are under way goes out together with the next.

    The client of redis-py takes a connection from its pool for each command, and gives it back: most of what a command
    costs here, and several times what it costs Redis. A caller that gives up leaves its command, which may be executed
    if it was sent by then.
    """

    def __init__(self, redis: "Redis") -> None:
        self._redis = ref(redis)  # not to keep the client, by which this is found
        self._is_cluster = isinstance(redis, RedisCluster)  # whose keys lie on several nodes
        self._asked: list[tuple[Sequence[bytes], asyncio.Future[Any]]] = []
        self._sending: asyncio.Task[None] | None = None
        self._connection: AbstractConnection | None = None

    async def call(self, *command: Argument) -> Any:  # noqa: ANN401 - what Redis answers
        """What Redis answers to one command; raises RedisError, OSError, and ValueError for what is no UTF-8."""
        if self._is_cluster and (redis := self._redis()) is not None:
            return await redis.execute_command(*command)
        encoded = [encode(argument) for argument in command]  # here, so that only who asks hears what cannot be said
        loop = asyncio.get_running_loop()
        answered = loop.create_future()
        self._asked.append((encoded, answered))
        if self._sending is None or self._sending.done():
            self._sending = loop.create_task(self._send_on())
        return await answered

    async def _send_on(self) -> None:
        """Send until nobody has asked meanwhile."""
        while self._asked:
            # Who gave up was told that nothing is done, and is kept to that as far as it can be.
            asked, self._asked = [one for one in self._asked if not one[1].done()], []
            if not asked:
                break
            replies: Sequence[object]
            try:
                replies = await self._exchange([command for command, _ in asked])
            except Exception as error:  # for those who asked
                replies = [error] * len(asked)
            for (_, answered), reply in zip(asked, replies, strict=True):
                if answered.done():
                    continue
                if isinstance(reply, Exception):
                    answered.set_exception(reply)
                else:
                    answered.set_result(reply)

    async def _exchange(self, commands: Sequence[Sequence[bytes]]) -> list[object]:
        """Replies to commands; what Redis refuses has its error for a reply."""
        replies: list[object] = []
        if self._connection is None:
            redis = self._redis()
            if redis is None:
                raise ConnectionLost("the client was thrown away")
            self._connection = await redis.connection_pool.get_connection()
            # Its own deadlines take a task for each command that is sent, and a timer for each reply.
            self._connection.socket_timeout = None
            await _ask(self._connection, commands, replies)
            return replies
        try:
            await _ask(self._connection, commands, replies)
        except ConnectionLost:  # as each that was kept is, when the server was started anew
            await _ask(self._connection, commands[len(replies) :], replies)
        return replies


_CALLS, _MAKING = WeakKeyDictionary["Redis", GatheredCalls](), Lock()


def calls_to(redis: "Redis") -> GatheredCalls:
    """The calls of this client that go over one connection: of all who write, and who read because they will."""
    with _MAKING:
        return _CALLS.get(redis) or _CALLS.setdefault(redis, GatheredCalls(redis))


def encode(argument: Argument) -> bytes:
    """An argument as it is sent; raises ValueError for text that is no UTF-8."""
    return argument if isinstance(argument, bytes) else str(argument).encode()


async def _ask(connection: "AbstractConnection", commands: Sequence[Sequence[bytes]], replies: list[object]) -> None:
    async with Within(GIVEN_UP_SECONDS):  # when it ends so, the connection closes itself: replies may come yet
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
