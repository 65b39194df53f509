"""Answers to requests for offers, for an hour: a call that is repeated is answered as the first time."""

from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from features.ledger.idempotency import Call, Reply, must_be_same
from features.online.keys import OFFER_ANSWER_SECONDS, OFFER_CLAIM_SECONDS, offer_answer
from recommender.errors import StillRunning, StoreUnavailable

if TYPE_CHECKING:
    from redis.asyncio import Redis

DIGEST_CHARACTERS = 64


class OfferAnswers:
    """What was answered to calls. Those that had an effect are in SQL, with it; here all are found without SQL.

    The value of a call is the digest of its body, and then its answer: nothing yet, while it is under way. All methods
    raise StoreUnavailable when Redis cannot be reached.
    """

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def claim(self, call: Call) -> Reply | None:
        """The answer to the same call before; None: it is new, and until it is answered nobody else makes it.

        Raises:
            KeyReused: the key came with another body.
            StillRunning: the same call is under way.
        """
        name, mark = offer_answer(call.caller, call.key), call.body_digest
        try:
            value = await self._redis.set(name, mark, nx=True, get=True, ex=OFFER_CLAIM_SECONDS)
        except (RedisError, OSError) as error:
            raise _gone(error) from error
        if not isinstance(value, bytes):  # the client is typed for other replies as well
            return None
        must_be_same(call, value[:DIGEST_CHARACTERS].decode())
        if len(value) == DIGEST_CHARACTERS:
            raise StillRunning("The same call is under way.", remedy="Repeat it in a second, with the same key.")
        return Reply(200, value[DIGEST_CHARACTERS:], replayed=True)

    async def keep(self, call: Call, answer: bytes) -> None:
        """Keep the answer to a call."""
        name, value = offer_answer(call.caller, call.key), call.body_digest.encode() + answer
        try:
            await self._redis.set(name, value, ex=OFFER_ANSWER_SECONDS)
        except (RedisError, OSError) as error:
            raise _gone(error) from error

    async def release(self, call: Call) -> None:
        """Forget a call that failed, so that it may be made again at once."""
        try:
            await self._redis.delete(offer_answer(call.caller, call.key))
        except (RedisError, OSError) as error:
            raise _gone(error) from error


def _gone(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"Redis cannot be reached: {error}", remedy="Send the same request again later.")
