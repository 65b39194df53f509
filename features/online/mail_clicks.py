"""What was done with each mail just now: a person follows one link, a scanner all; a mail is opened many times."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from features.online.in_time import line_to
from features.online.keys import MAIL_CLICKS_SECONDS, MAIL_OPENED_SECONDS, clicks_of_mail, opening_of_mail

if TYPE_CHECKING:
    from redis.asyncio import Redis

BURST_SECONDS = 2.0  # scanners follow all links of a mail within a second or two


class MailClicks:
    """Counts what is done with each mail over all workers; every call raises RedisError or OSError where Redis is gone.

    Moments are in seconds, by a clock that all workers share.
    """

    def __init__(self, redis: "Redis") -> None:
        self._redis, self._line = redis, line_to(redis)

    async def note(self, mail: str, link: str, at: float) -> None:
        """Note that a link of a mail was followed; one round trip."""
        key = clicks_of_mail(mail)
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.zremrangebyscore(key, "-inf", at - MAIL_CLICKS_SECONDS)
        pipeline.zadd(key, {link: at}, nx=True)
        pipeline.expire(key, MAIL_CLICKS_SECONDS)
        async with self._line.in_time():
            await pipeline.execute()

    async def count(self, clicks: Sequence[tuple[str, float]]) -> list[int]:
        """How many links of a mail were followed at most BURST_SECONDS before or after a moment; one round trip."""
        pipeline = self._redis.pipeline(transaction=False)
        for mail, at in clicks:
            pipeline.zcount(clicks_of_mail(mail), at - BURST_SECONDS, at + BURST_SECONDS)
        async with self._line.in_time():
            found: list[Any] = await pipeline.execute()
        return [int(n) for n in found]

    async def is_first_opening(self, mail: str, by: str) -> bool:
        """Whether a kind of visitor had not opened a mail within MAIL_OPENED_SECONDS; it has now."""
        async with self._line.in_time():
            return bool(await self._redis.set(opening_of_mail(mail, by), b"", nx=True, ex=MAIL_OPENED_SECONDS))
