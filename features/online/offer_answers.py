"""Answers to requests for offers, for an hour: a call that is repeated is answered as the first time."""

from asyncio import Future
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from features.ledger.idempotency import Call, Reply, must_be_same
from features.online.gathered_calls import calls_to
from features.online.keys import (
    OFFER_ANSWER_SECONDS,
    OFFER_CLAIM_SECONDS,
    OFFER_TURN_SECONDS,
    load_script,
    offer_answer,
)
from recommender.errors import StillRunning, StoreUnavailable

if TYPE_CHECKING:
    from redis.asyncio import Redis

DIGEST_CHARACTERS = 64
BEGUN = b"@"  # an answer begins with a brace


@dataclass(frozen=True, slots=True)
class Turn:
    """A call that is to be answered now, by nobody else, for OFFER_TURN_SECONDS.

    Attributes:
        again: it was begun before, and did not end.
        held: what is kept of the call for as long as nobody else has its turn.
    """

    again: bool
    held: bytes


class OfferAnswers:
    """What was answered to calls. Those that had an effect are in SQL, with it; here all are found without SQL.

    The value of a call is the digest of its body, then its answer; while there is none, when it was begun and a name of
    that turn. All methods raise StoreUnavailable when Redis cannot be reached.
    """

    def __init__(self, redis: "Redis") -> None:
        self._calls = calls_to(redis)
        self._replace = load_script("replace_if_same")

    async def begin(self, call: Call, now: datetime) -> Reply | Turn:
        """The answer to the same call before; or the turn to answer it.

        Raises:
            KeyReused: the key came with another body.
            StillRunning: the same call is under way.
        """
        mine = call.body_digest.encode() + b"%s%.0f %s" % (BEGUN, now.timestamp(), token_hex(8).encode())
        name = offer_answer(call.caller, call.key)
        known: bytes | None = await _told(self._calls.call("SET", name, mine, "EX", OFFER_CLAIM_SECONDS, "NX", "GET"))
        if known is None or known == mine:  # the latter if it was sent twice, because the first answer got lost
            return Turn(again=False, held=mine)
        must_be_same(call, known[:DIGEST_CHARACTERS].decode())
        rest = known[DIGEST_CHARACTERS:]
        if not rest.startswith(BEGUN):
            return Reply(200, rest, replayed=True)
        began = float(rest.removeprefix(BEGUN).split()[0])
        if now.timestamp() < began + OFFER_TURN_SECONDS:
            raise _under_way()
        await _mine(self._put(call, known, mine, OFFER_CLAIM_SECONDS))
        return Turn(again=True, held=mine)

    def keep(self, call: Call, turn: Turn, answer: bytes) -> Awaitable[None]:
        """Keep the answer to a call: asked for now, done once this is awaited.

        Raises StillRunning if somebody else has its turn by now, or had it.
        """
        return _mine(self._put(call, turn.held, call.body_digest.encode() + answer, OFFER_ANSWER_SECONDS))

    async def give_up(self, call: Call, turn: Turn) -> None:
        """End a turn without an answer: the call may be made again at once."""
        await self._free(call, turn.held)

    async def take_back(self, call: Call, answer: bytes) -> None:
        """Keep this answer no longer: the call may be made again at once."""
        await self._free(call, call.body_digest.encode() + answer)

    async def _free(self, call: Call, before: bytes) -> None:
        await _told(self._put(call, before, call.body_digest.encode() + BEGUN + b"0", OFFER_CLAIM_SECONDS))

    def _put(self, call: Call, before: bytes, after: bytes, seconds: int) -> Future[Any]:
        """Put a value in the place of another; comes to 0 if it is not there any more."""
        name = offer_answer(call.caller, call.key)
        return self._calls.call("EVAL", self._replace, 1, name, before, after, seconds)


async def _told(asked: Future[Any]) -> Any:  # noqa: ANN401 - what Redis answers
    try:
        return await asked
    except (RedisError, OSError) as error:
        raise StoreUnavailable(
            f"Redis cannot be reached: {error}", remedy="Send the same request again later."
        ) from error


async def _mine(put: Future[Any]) -> None:
    if not await _told(put):
        raise _under_way()


def _under_way() -> StillRunning:
    return StillRunning("The same call is under way.", remedy="Repeat it in a second, with the same key.")
