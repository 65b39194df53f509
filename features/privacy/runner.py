"""Works off people's requests in the process that drains: the only one that may rewrite the log."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from features.identity import USER_ID, read_secret
from features.privacy.exports import drop_old_exports
from features.privacy.log import LogInUse
from features.privacy.rows import RowCleaner
from features.privacy.suppression import Suppressions
from features.settings import Settings
from features.sql.engine import read_change_number, reading
from features.sql.privacy_store import PrivacyRequest, PrivacyStore, read_suppressions
from features.sql.tables.privacy import suppressions as table
from recommender.errors import StoreUnavailable
from recommender.ids import UserId

HEARD_AFTER = timedelta(seconds=2)  # by then every worker knows of a suppression, and has ended what it had begun

log = logging.getLogger(__name__)


class PrivacyRunner:
    """Knows who is suppressed, and does what was asked for.

    Attributes:
        cleaner: takes who is erased out of rows on their way into the log.
    """

    def __init__(self, settings: Settings, engine: Engine, redis: Redis, clock: Callable[[], datetime]) -> None:
        secret = read_secret(settings)
        self._settings, self._engine, self._redis, self._clock = settings, engine, redis, clock
        self._store = PrivacyStore(engine, lambda: secret)
        self._suppressions = Suppressions(lambda: secret)
        self.cleaner = RowCleaner(self._suppressions.is_erased, secret)
        self._secret = secret
        self._learnt = -1  # the change number up to which suppressions are known
        self._looked_at: object = None

    def learn(self) -> bool:
        """Read who is suppressed; False: the database is away, or was never set up, and what was known goes on."""
        try:
            if self._learnt < 0 and not inspect(self._engine).has_table(table.name):
                return False
            with reading(self._engine) as connection:
                number = read_change_number(connection)
                if number != self._learnt:
                    self._suppressions.take(read_suppressions(connection, self._learnt))
                    self._learnt = number
        except (StoreUnavailable, SQLAlchemyError):
            return False
        return True

    def run(self, is_ours: Callable[[], bool] = lambda: True) -> int:
        """Do all that waits and may begin; returns how many requests are done. What fails is tried again next time.

        Args:
            is_ours: whether this process still is the one that drains.
        """
        if not self.learn():
            return 0
        done, now = 0, self._clock()
        unfinished = self._store.unfinished()
        for request in unfinished:
            if not is_ours():
                break
            try:
                done += self._do(request, now)
            except LogInUse:
                log.info("request %s waits for an import to end", request.request_id)
            except (RedisError, StoreUnavailable, OSError):
                log.exception("request %s cannot be done now, it is tried again", request.request_id)
        drop_old_exports(self._settings, now)
        if done == len(unfinished):
            self._look_at_artifacts()
        return done

    def _do(self, request: PrivacyRequest, now: datetime) -> bool:
        # With these come artifacts and the compiler of their kernels: half of what a drain would take to start.
        from features.privacy.access import Access
        from features.privacy.erasure import Erasure

        if request.kind != "access" and request.state == "waiting" and now - request.received_at < HEARD_AFTER:
            return False
        kind = Access if request.kind == "access" else Erasure
        kind(
            settings=self._settings, engine=self._engine, redis=self._redis,
            store=self._store, secret=self._secret, clock=self._clock,
        )(request)  # fmt: skip
        log.info("request %s (%s) is done", request.request_id, request.kind)
        return True

    def _look_at_artifacts(self) -> None:
        """A training that began before an erasure, or a restored backup, may bring somebody back: take them out."""
        if not len(self._suppressions):
            return
        from features.privacy.artifacts import erase_from_artifacts, stamp_of

        seen = stamp_of(self._settings), len(self._suppressions)
        if self._looked_at == seen:
            return
        count = erase_from_artifacts(self._settings, lambda user: self._is_erased(user))
        if count:
            log.warning("%d histories of people who were erased are taken out of the artifacts again", count)
        self._looked_at = stamp_of(self._settings), len(self._suppressions)

    def _is_erased(self, user: UserId) -> bool:
        return self._suppressions.is_erased((USER_ID, user))
