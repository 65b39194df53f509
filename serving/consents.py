"""What shoppers last said on personalisation: known to each worker, so that no request waits for SQL."""

from collections.abc import Iterable

from features.sql.changes import ConsentState
from features.sql.consent_store import PERSONALISATION
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
