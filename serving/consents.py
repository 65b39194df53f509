"""Who has withdrawn the consent to personalisation: known to each worker, so that no request waits for SQL."""

from collections.abc import Iterable

from features.sql.changes import ConsentState
from features.sql.consent_store import PERSONALISATION
from recommender.ids import UserId


class Withdrawals:
    """Shoppers whose current word on personalisation is no. Who never said anything has nothing on record to use."""

    def __init__(self) -> None:
        self._users: set[UserId] = set()

    def __contains__(self, user_id: UserId) -> bool:
        return user_id in self._users

    def replace_all(self, users: Iterable[UserId]) -> None:
        """State all of them, as SQL has them."""
        self._users = set(users)

    def take(self, changes: Iterable[ConsentState]) -> None:
        """Follow what changed."""
        for change in changes:
            if change.purpose != PERSONALISATION:
                continue
            if change.granted:
                self._users.discard(change.user_id)
            else:
                self._users.add(change.user_id)
