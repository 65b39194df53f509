"""What shoppers last said on personalisation: known to each worker, so that no request waits for SQL."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError

from features.identity import USER_ID
from features.online.keys import live_state_of_user
from features.online.live_state import LiveState
from features.sql.changes import ConsentState, IdentifierState
from features.sql.consent_store import PERSONALISATION, Consent, ConsentStore
from recommender.errors import StoreUnavailable
from recommender.ids import UserId


class Consents:
    """The consent on record of each shopper; follows the changes in SQL.

    Of several users who are one person, each one's withdrawal counts for all of them, and a consent for its own alone.
    """

    def __init__(self) -> None:
        self._granted: dict[UserId, bool] = {}
        self._profile_of: dict[UserId, int] = {}  # of people with several user ids
        self._users_of: dict[int, set[UserId]] = {}

    def of(self, user_id: UserId) -> bool | None:
        """True: granted; False: refused or withdrawn; None: never said anything."""
        return False if self.have_withdrawn(user_id) else self._granted.get(user_id)

    def have_withdrawn(self, user_id: UserId) -> bool:
        """Whether nothing personal of this shopper may be used. Of who never said anything nothing is stored."""
        profile = self._profile_of.get(user_id)
        if profile is None:
            return self._granted.get(user_id) is False
        return any(self._granted.get(user) is False for user in self._users_of[profile])

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

    def take(self, changes: Iterable[ConsentState]) -> None:
        """Follow what changed."""
        for change in changes:
            if change.purpose == PERSONALISATION:
                self._granted[change.user_id] = change.granted

    def take_granted(self, users: Iterable[UserId]) -> None:
        """Take over who had granted it."""
        self._granted.update(dict.fromkeys(users, True))


@dataclass(frozen=True, kw_only=True)
class ConsentRecorder:
    """Writes down what shoppers say on purposes.

    Attributes:
        announce: takes a change in SQL over here, and wakes the other workers.
    """

    store: ConsentStore
    consents: Consents
    announce: Callable[[], Awaitable[None]]
    live: LiveState

    async def __call__(self, said: Sequence[Consent]) -> None:
        """Record it; when this returns, SQL has it, and nothing is left in live state of who withdrew.

        Raises:
            StoreUnavailable: one of the two could not be reached; the same call may be made again.
        """
        await asyncio.to_thread(self.store.append_once, said)
        await self.announce()
        users = {one.user_id for one in said if one.purpose == PERSONALISATION}
        people = {same for user_id in users for same in self.consents.same_person(user_id)}
        withdrawn = [live_state_of_user(user_id) for user_id in people if self.consents.have_withdrawn(user_id)]
        if withdrawn:
            try:
                await self.live.forget(withdrawn)
            except (RedisError, OSError) as error:
                message = f"a withdrawal of consent is written down, but live state cannot be reached: {error}"
                raise StoreUnavailable(message, remedy="Send the same request again later.") from error
