"""What everybody allows, known to each worker so that no request waits for SQL; and the only way to write it down."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from redis.exceptions import RedisError

from features.audit import Author
from features.identity import USER_ID, Identifier
from features.online.withdrawn import Forget
from features.privacy.suppression import Suppressions
from features.sql.changes import IdentifierState
from features.sql.consent_states import ConsentState, ConsentStates
from features.sql.consent_store import ConsentStore
from recommender.consent import IN_STORE_LOCATION, PERSONALISATION, WHOLE, Entry
from recommender.consent_answers import (
    SILENCE,
    Answer,
    Answers,
    answer_in,
    answers_of,
    pack_answers,
    strictest,
)
from recommender.consent_laws import Circumstances, Markets, Verdict, judge
from recommender.errors import StoreUnavailable
from recommender.ids import UserId
from serving.held_answers import HeldAnswers


class Consents:
    """The answers on record of every identifier, and which user ids are one person; follows the changes in SQL."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._answers = HeldAnswers()
        self._ends = dict[Identifier, tuple[tuple[datetime, str], ...]]()  # when grants end, of those that do
        self._profile_of: dict[UserId, int] = {}  # of people with several user ids
        self._users_of: dict[int, set[UserId]] = {}

    def answers(self, named: Iterable[Identifier]) -> Answers:
        """What is on record of somebody who comes under these identifiers: of each purpose the stricter answer."""
        found = SILENCE
        for identifier in named:
            if answers := self._answers.of(identifier):
                if self._ends:
                    answers = self._without_ended(identifier, answers)
                found = strictest(found, answers)
        return found

    def personalisation_of(self, user_id: UserId) -> bool | None:
        """True: granted; False: refused, withdrawn or ended; None: never said anything."""
        answer = answer_in(self.answers([(USER_ID, user_id)]), PERSONALISATION)
        return None if answer is Answer.NONE else answer is not Answer.REFUSED

    def hide_place(self, named: Iterable[Identifier]) -> bool:
        """Whether it may not be used where somebody is, who comes under these identifiers: they refused that."""
        return answer_in(self.answers(named), IN_STORE_LOCATION) is Answer.REFUSED

    def have_withdrawn(self, user_id: UserId) -> bool:
        """Whether nothing personal of this shopper may be used. Of who never said anything nothing is stored."""
        return self.personalisation_of(user_id) is False

    def same_person(self, user_id: UserId) -> frozenset[UserId]:
        """All user ids of the person who has this one."""
        profile = self._profile_of.get(user_id)
        return frozenset({user_id}) if profile is None else frozenset(self._users_of[profile])

    def take_identifiers(self, changed: Sequence[IdentifierState]) -> None:
        """Follow who is one person; of a profile that changed, all users are among `changed`."""
        users = [(UserId(one.identifier[1]), one.profile) for one in changed if one.identifier[0] == USER_ID]
        for user, _ in users:
            if (before := self._profile_of.pop(user, None)) is not None:
                self._users_of[before].discard(user)
                if not self._users_of[before]:
                    del self._users_of[before]
        for user, profile in users:
            self._users_of.setdefault(profile, set()).add(user)
            self._profile_of[user] = profile
        for profile in {profile for _, profile in users}:
            if len(self._users_of[profile]) == 1:  # nothing to remember: they speak for themselves
                self._profile_of.pop(self._users_of.pop(profile).pop())

    def take(self, changed: Iterable[ConsentState]) -> None:
        """Follow what changed."""
        for state in changed:
            self._answers.put(state.identifier, pack_answers(answers_of(state.standings)))
            ends = [
                (standing.until, purpose)
                for (purpose, topic), standing in state.standings.items()
                if topic == WHOLE and standing.until is not None
            ]
            if ends:
                self._ends[state.identifier] = tuple(ends)
            else:
                self._ends.pop(state.identifier, None)

    def _without_ended(self, identifier: Identifier, answers: Answers) -> Answers:
        now = self._clock()
        over = {purpose: Answer.REFUSED for until, purpose in self._ends.get(identifier, ()) if until <= now}
        return strictest(answers, pack_answers(over))


@dataclass(frozen=True, slots=True)
class Permissions:
    """The gate as this worker applies it: what it knows of people, judged by the law of the market.

    Whoever was erased, or had the use of their data restricted, is refused, whatever they allowed.
    """

    consents: Consents
    suppressions: Suppressions
    markets: Markets

    def judge(self, purpose: str, named: Iterable[Identifier], here: Circumstances) -> Verdict:
        """Whether a purpose may be served to somebody who comes under these identifiers."""
        named = tuple(named)
        if self.suppressions.block_any(named):
            return Verdict.SUPPRESSED
        return judge(purpose, self.consents.answers(named), here)


@dataclass(frozen=True, kw_only=True)
class ConsentRecorder:
    """Writes down what shoppers say on purposes.

    Attributes:
        announce: takes a change in SQL over here, and wakes the other workers.
        forget: what Redis may no longer hold.
    """

    store: ConsentStore
    states: ConsentStates
    announce: Callable[[], Awaitable[None]]
    forget: Forget

    async def __call__(self, said: Sequence[Entry], by: Author | None = None) -> int:
        """Record it; when this returns, SQL has it, and what Redis may no longer hold of who withdrew is forgotten.

        `by`: who wrote it down; None: an event. Returns how many entries were new.

        Raises:
            StoreUnavailable: one of the two could not be reached; the same call may be made again.
        """
        new = await asyncio.to_thread(self.store.append, said, by=by)
        await self.announce()
        people, as_of = await asyncio.to_thread(self.states.of_as_of, {one.subject for one in said})
        try:
            await self.forget(people, as_of)
        except (RedisError, OSError) as error:
            message = f"a withdrawal of consent is written down, but live state cannot be reached: {error}"
            raise StoreUnavailable(message, remedy="Send the same request again later.") from error
        return new
