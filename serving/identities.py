"""Recognises who is behind an event, most often without asking SQL; what an event shows anew is on disk first."""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from weakref import WeakValueDictionary

from redis.exceptions import RedisError

from features.identity import ANONYMOUS_ID, USER_ID, Identifier, Occasion, Presented
from features.online.keys import live_state_of_user, live_state_of_visitor
from features.online.live_state import LiveState
from features.people import Person
from features.sql.changes import IdentifierState
from features.sql.identity_store import IdentityStore
from recommender.ids import AnonymousId, UserId
from serving.cache_use import CacheUse
from serving.together import Together

LANES, CALLS_AT_ONCE = 2, 64  # one lane may wait for its turn to write while the other reads
MOST_KNOWN = 10_000  # presented identifiers that are remembered, the latest: 320 bytes a visitor, 650 a user
KNOWN_FOR = timedelta(hours=1)

log = logging.getLogger(__name__)


class Parted:
    """Whose person lost an identifier, as a merge was taken back; follows the changes in SQL."""

    def __init__(self) -> None:
        self._at = dict[UserId, int]()

    def since(self, user_id: UserId, change_number: int) -> bool:
        """Whether what was learnt of a user at a change number may be what somebody else did."""
        return self._at.get(user_id, 0) > change_number

    def take(self, changed: Iterable[IdentifierState]) -> None:
        """Follow what changed."""
        self._at.update((UserId(one.identifier[1]), one.parted) for one in changed if one.parted)


class _Profile:
    """Whether what is remembered of a profile still holds: until a change in SQL touches it."""

    __slots__ = ("__weakref__", "holds")

    def __init__(self) -> None:
        self.holds = True


@dataclass(frozen=True, slots=True)
class _Remembered:
    """Who is behind some identifiers, until a time: what a limit kept apart may be linked later.

    `profile` is None where one identifier comes alone and no profile is kept, as with most visitors: then a change of
    that identifier is all that can end it.
    """

    person: Person
    profile: _Profile | None
    until: datetime

    def holds(self, now: datetime) -> bool:
        return now < self.until and (self.profile is None or self.profile.holds)


@dataclass(frozen=True, slots=True)
class _Unknown:
    """What one call shows that is not remembered."""

    presented: Sequence[Presented]
    occasions: Sequence[Occasion]
    now: datetime


class Identities:
    """Who is one person, as this worker knows it; follows the changes in SQL.

    Args:
        announce: takes a change in SQL over here, and wakes the other workers.
        has_withdrawn: whether nothing personal may be kept of a user.
        ledger_at: the change number up to which `has_withdrawn` knows the ledger of consents.

    Attributes:
        use: how often it remembered who comes under some identifiers.
    """

    def __init__(
        self,
        store: IdentityStore,
        live: LiveState,
        announce: Callable[[], Awaitable[None]],
        has_withdrawn: Callable[[UserId], bool],
        ledger_at: Callable[[], int],
        clock: Callable[[], datetime],
    ) -> None:
        self._store, self._live, self._announce, self._clock = store, live, announce, clock
        self._has_withdrawn, self._ledger_at = has_withdrawn, ledger_at
        self._known = OrderedDict[Presented, _Remembered]()
        # By profile number; where no profile is kept, by each identifier that was presented.
        self._profiles = WeakValueDictionary[int | Identifier, _Profile]()
        self._changes = 0
        # Calls that come while others are looked up share a transaction, and so its wait for the disk.
        self._look_up = Together(self._look_up_each, ThreadPoolExecutor(LANES), LANES, CALLS_AT_ONCE)
        self.use = CacheUse()

    async def recognise(
        self, presented: Sequence[Presented], vouched: Sequence[bool], occasions: Sequence[Occasion]
    ) -> list[tuple[UserId, ...]]:
        """The user ids of the person behind each event, the canonical one first; none where nobody is known.

        What nobody vouches for is a claim: it shows nothing, and nobody is behind it. Where an anonymous id is seen
        with its user for the first time, its live state is in the user's when this returns.

        Raises:
            StoreUnavailable: SQL cannot be asked, and somebody is not remembered.
        """
        now = self._clock()
        asked = [index for index, is_vouched in enumerate(vouched) if is_vouched]
        unknown = dict[Presented, Occasion]()
        found = dict[Presented, Person]()
        for index in asked:
            one = presented[index]
            remembered = self._known.get(one)
            if remembered is not None and remembered.holds(now):
                self.use.hits += 1
                found[one] = remembered.person
            elif one not in unknown:
                self.use.misses += 1
                unknown[one] = occasions[index]
        if unknown:
            found |= await self._ask(list(unknown), list(unknown.values()), now)
        users: list[tuple[UserId, ...]] = [()] * len(presented)
        for index in asked:
            users[index] = found[presented[index]].users
        return users

    def take(self, changed: Iterable[IdentifierState]) -> None:
        """Follow what changed."""
        self._changes += 1
        for state in changed:
            self._known.pop(_alone(state.identifier), None)
            # A profile's number is that of one of its identifiers, so those of the profiles before are among these.
            for name in (state.number, state.profile, state.identifier):
                if (profile := self._profiles.pop(name, None)) is not None:
                    profile.holds = False

    async def _ask(self, unknown: list[Presented], occasions: list[Occasion], now: datetime) -> dict[Presented, Person]:
        changes = self._changes
        people, learnt = await self._look_up(_Unknown(unknown, occasions, now))
        found = dict(zip(unknown, people, strict=True))
        await self._hand_over(found)
        if learnt:
            await self._announce()
        if changes == self._changes:  # else it may be out of date; the next time, then
            for one, person in found.items():
                self._remember(one, person, now + KNOWN_FOR)
        return found

    def _look_up_each(self, calls: Sequence[_Unknown]) -> list[tuple[Sequence[Person], bool]]:
        """Who is behind what each call shows, and whether anything was learnt from any of them."""
        presented = [one for call in calls for one in call.presented]
        occasions = [one for call in calls for one in call.occasions]
        people, learnt = self._store.recognise(presented, max(call.now for call in calls), occasions)
        left = iter(people)
        return [(list(islice(left, len(call.presented))), learnt) for call in calls]

    async def _hand_over(self, found: dict[Presented, Person]) -> None:
        """Copy what an anonymous shopper did into the live state of the user that they turn out to be.

        Whoever is not remembered is copied again, so that nothing is missing after a crash; twice changes nothing.
        """
        ledger_at = self._ledger_at()
        copies = [
            (live_state_of_visitor(one.anonymous_id), live_state_of_user(user))
            for one, person in found.items()
            if one.anonymous_id is not None and person.owns_anonymous_id
            for user in person.users
            if not self._has_withdrawn(user)
        ]
        if not copies:
            return
        try:
            await self._live.copy(copies, ledger_at)
        except (RedisError, OSError):
            log.warning("the anonymous history of %d shoppers could not be handed over", len(copies), exc_info=True)

    def _remember(self, one: Presented, person: Person, until: datetime) -> None:
        self._known[one] = _Remembered(person, self._profile_of(one, person), until)
        self._known.move_to_end(one)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def _profile_of(self, one: Presented, person: Person) -> _Profile | None:
        profile = _Profile()
        if person.profile is not None:
            return self._profiles.setdefault(person.profile, profile)
        named = one.identifiers()
        if len(named) == 1:
            return None
        for identifier in named:
            profile = self._profiles.setdefault(identifier, profile)
        return profile


def _alone(identifier: Identifier) -> Presented:
    """What is presented by who names nothing else."""
    kind, value = identifier
    if kind == USER_ID:
        return Presented(UserId(value), None)
    return Presented(None, AnonymousId(value)) if kind == ANONYMOUS_ID else Presented(None, None, (identifier,))
