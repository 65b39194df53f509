"""Forgets in Redis what people no longer allow to be held there."""

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from features.identity import ANONYMOUS_ID, USER_ID, Identifier
from features.online.keys import live_state_of_user, live_state_of_visitor
from features.online.live_state import LiveState
from features.online.presence_states import PresenceStates
from features.sql.consent_states import ConsentState
from recommender.consent import IN_STORE_LOCATION, PERSONALISATION
from recommender.consent_answers import Answer, answers_of
from recommender.ids import AnonymousId, UserId


@dataclass(frozen=True, slots=True)
class Forget:
    """Live state of who refused personalisation, its places of who refused in-store location, presence of either.

    Each then says as of which change of the ledger of consents, so that whoever knows less of it writes nothing back.
    """

    live: LiveState
    presences: PresenceStates

    async def __call__(self, people: Iterable[ConsentState], as_of: int) -> None:
        """Forget what of these people has to be; said again, it changes nothing. Raises RedisError, OSError.

        All at once, so that who withdraws waits for a Redis that hangs once; what of it can be done is done.
        """
        people = list(people)
        unknown, unplaced = _who_refuse(PERSONALISATION, people), _who_refuse(IN_STORE_LOCATION, people)
        under_way = list[Coroutine[Any, Any, None]]()
        if unknown:
            under_way.append(self.live.empty(_live_state_of(unknown), as_of))
        if unplaced:
            under_way.append(self.live.forget_places(_live_state_of(unplaced), as_of))
        if unknown or unplaced:
            under_way.append(self.presences.empty({*unknown, *unplaced}, as_of))
        for ended in await asyncio.gather(*under_way, return_exceptions=True):
            if ended is not None:
                raise ended


def _who_refuse(purpose: str, people: Iterable[ConsentState]) -> list[Identifier]:
    """Users and app installations of whom a refusal is on record."""
    return [
        one.identifier
        for one in people
        if one.identifier[0] in (USER_ID, ANONYMOUS_ID) and answers_of(one.standings).get(purpose) is Answer.REFUSED
    ]


def _live_state_of(named: Iterable[Identifier]) -> list[str]:
    return [
        live_state_of_user(UserId(value)) if kind == USER_ID else live_state_of_visitor(AnonymousId(value))
        for kind, value in named
    ]
