"""What shoppers last said on personalisation: known to each worker, so that no request waits for SQL."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError

from features.online.keys import live_state_of_user
from features.online.live_state import LiveState
from features.sql.changes import ConsentState
from features.sql.consent_store import PERSONALISATION, Consent, ConsentStore
from recommender.errors import StoreUnavailable
from recommender.ids import UserId


class Consents:
    """The consent on record of each shopper; follows the changes in SQL."""

    def __init__(self) -> None:
        self._granted: dict[UserId, bool] = {}

    def of(self, user_id: UserId) -> bool | None:
        """True: granted; False: refused or withdrawn; None: never said anything."""
        return self._granted.get(user_id)

    def have_withdrawn(self, user_id: UserId) -> bool:
        """Whether nothing personal of this shopper may be used. Of who never said anything nothing is stored."""
        return self._granted.get(user_id) is False

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
        withdrawn = [live_state_of_user(user_id) for user_id in users if self.consents.have_withdrawn(user_id)]
        if withdrawn:
            try:
                await self.live.forget(withdrawn)
            except (RedisError, OSError) as error:
                message = f"a withdrawal of consent is written down, but live state cannot be reached: {error}"
                raise StoreUnavailable(message, remedy="Send the same request again later.") from error
