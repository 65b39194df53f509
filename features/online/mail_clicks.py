"""Which links of a mail were followed just now: a person follows one, a scanner all of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from features.online.keys import MAIL_CLICKS_SECONDS, clicks_of_mail

if TYPE_CHECKING:
    from redis.asyncio import Redis


class MailClicks:
    """Counts the links of each mail over all workers; every call raises RedisError or OSError where Redis is gone."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def note(self, clicks: Sequence[tuple[str, str]]) -> None:
        """Note links, each with its mail; one round trip."""
        pipeline = self._redis.pipeline(transaction=False)
        for mail, link in clicks:
            pipeline.sadd(clicks_of_mail(mail), link)
            pipeline.expire(clicks_of_mail(mail), MAIL_CLICKS_SECONDS)
        await pipeline.execute()

    async def count(self, mails: Sequence[str]) -> list[int]:
        """How many links of each mail were noted lately; one round trip."""
        pipeline = self._redis.pipeline(transaction=False)
        for mail in mails:
            pipeline.scard(clicks_of_mail(mail))
        found: list[Any] = await pipeline.execute()
        return [int(n) for n in found]
