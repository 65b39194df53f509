"""Tells workers over Redis that something changed in SQL; SQL alone says what."""

import asyncio
import logging

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from features.online.in_time import line_to
from features.online.keys import CHANGE_CHANNEL
from serving.cancellation import heed_cancellation

IDLE_SECONDS = 0.25  # silence after which the connection is tried; an answer must come within as long
RETRY_SECONDS = 0.1
ANNOUNCE_SECONDS = 0.1  # longest that a writer waits for Redis; workers that it does not reach find out by polling

log = logging.getLogger(__name__)


class ChangeSignal:
    """Announces changes, and hears of those of others.

    Attributes:
        heard: set when something may have changed.
        listening: whether announcements reach this process; if not, it must look by itself.
        known: changes up to this number are known here, so that nobody is woken by who tells of them.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis, self._line = redis, line_to(redis)
        self.heard = asyncio.Event()
        self.listening, self.known = False, 0

    async def announce(self, number: int | None = None) -> None:
        """Wake all workers that do not know the changes up to a number (None: all workers).

        One that cannot be woken now sees the change when it next looks.
        """
        if self._line.breaker.is_open:  # and others try whether it is back
            log.warning("a change could not be announced, the workers will find it: Redis is known to be gone")
            return
        try:
            async with asyncio.timeout(ANNOUNCE_SECONDS):
                await self._redis.publish(CHANGE_CHANNEL, b"" if number is None else str(number))
        except (RedisError, OSError) as error:
            log.warning("a change could not be announced, the workers will find it: %s", error or "Redis is slow")

    async def listen(self) -> None:
        """Hear announcements until cancelled, again and again where Redis goes away."""
        while True:
            try:
                async with self._redis.pubsub() as channel:
                    await channel.subscribe(CHANGE_CHANNEL)
                    await self._hear(channel)
            except (RedisError, OSError) as error:
                if self.listening:
                    log.warning("changes are polled for until Redis is back: %s", error)
                self.listening = False
            heed_cancellation()
            self.heard.set()
            await asyncio.sleep(RETRY_SECONDS)

    async def _hear(self, channel: PubSub) -> None:
        asked = False
        while True:
            heed_cancellation()
            message = await channel.get_message(timeout=IDLE_SECONDS)
            if message is None:
                if asked:
                    raise TimeoutError("Redis does not answer")
                await channel.ping()
                asked = True
                continue
            asked = False
            if message["type"] == "subscribe":
                self.listening = True
            told = message["data"] if message["type"] == "message" else None
            is_known = told is not None and told.isdigit() and int(told) <= self.known  # no number: it may be anything
            if message["type"] != "pong" and not is_known:
                self.heard.set()
