"""Answers to requests for offers, for an hour: a call that is repeated is answered as the first time."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from features.ledger.idempotency import Call, Reply, must_be_same
from features.online.gathered_calls import GatheredCalls
from features.online.keys import OFFER_ANSWER_SECONDS, OFFER_CLAIM_SECONDS, OFFER_TURN_SECONDS, offer_answer
from recommender.errors import StillRunning, StoreUnavailable

if TYPE_CHECKING:
    from redis.asyncio import Redis

DIGEST_CHARACTERS = 64
BEGUN = b"@"  # an answer begins with a brace


@dataclass(frozen=True, slots=True)
class Turn:
    """A call that is to be answered now, by nobody else; `again`: it was begun before, and did not end."""

    again: bool


class OfferAnswers:
    """What was answered to calls. Those that had an effect are in SQL, with it; here all are found without SQL.

    The value of a call is the digest of its body, then its answer; while there is none, when it was begun. All methods
    raise StoreUnavailable when Redis cannot be reached.
    """

    def __init__(self, redis: "Redis") -> None:
        self._calls = GatheredCalls(redis)

    async def begin(self, call: Call, now: datetime) -> Reply | Turn:
        """The answer to the same call before; or the turn to answer it, for OFFER_TURN_SECONDS.

        Raises:
            KeyReused: the key came with another body.
            StillRunning: the same call is under way.
        """
        value = await self._set(call, b"%s%.0f" % (BEGUN, now.timestamp()), OFFER_CLAIM_SECONDS, is_new=True)
        if value is None:
            return Turn(again=False)
        must_be_same(call, value[:DIGEST_CHARACTERS].decode())
        rest = value[DIGEST_CHARACTERS:]
        if not rest.startswith(BEGUN):
            return Reply(200, rest, replayed=True)
        if now.timestamp() < float(rest.removeprefix(BEGUN)) + OFFER_TURN_SECONDS:
            raise StillRunning("The same call is under way.", remedy="Repeat it in a second, with the same key.")
        await self._set(call, b"%s%.0f" % (BEGUN, now.timestamp()), OFFER_CLAIM_SECONDS)
        return Turn(again=True)

    async def keep(self, call: Call, answer: bytes) -> None:
        """Keep the answer to a call."""
        await self._set(call, answer, OFFER_ANSWER_SECONDS)

    async def give_up(self, call: Call) -> None:
        """End a turn without an answer: the call may be made again at once."""
        await self._set(call, BEGUN + b"0", OFFER_CLAIM_SECONDS)

    async def _set(self, call: Call, value: bytes, seconds: int, *, is_new: bool = False) -> bytes | None:
        """Set what is known of a call; with `is_new` only if nothing is, and return what was."""
        name, value = offer_answer(call.caller, call.key), call.body_digest.encode() + value
        try:
            before: object = await self._calls.call(
                "SET", name, value, "EX", seconds, *(["NX", "GET"] if is_new else [])
            )
        except (RedisError, OSError) as error:
            raise StoreUnavailable(
                f"Redis cannot be reached: {error}", remedy="Send the same request again later."
            ) from error
        return before if is_new and isinstance(before, bytes) else None
