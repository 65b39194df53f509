"""Writers of one process to an SQLite file: they follow one another, and those who wait share one commit.

A commit waits for the disk, several milliseconds, and SQLite has one writer at a time. So a writer who is done leaves
the transaction open for the next in the queue, and the last of them commits for all; nobody goes on before that. The
work of each is undone by itself, by a savepoint. Who does much writes alone: nobody waits for its end to be answered.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from sqlite3 import Connection as SqliteConnection
from threading import Event, Lock
from time import monotonic
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import Pool

from recommender.errors import StoreUnavailable

MOST_SECONDS = 0.02  # that a transaction takes in more work, from its first statement on
LOOK_SECONDS = 0.05  # how often who waits for a commit looks whether the one who should make it is gone


class Shared:
    """A transaction of several writers, one after the other, until one of them ends it for all."""

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.connect()
        try:
            self._transaction = self._connection.begin()
        except BaseException:
            self._connection.close()
            raise
        self._driver: SqliteConnection = self._connection.connection.driver_connection  # pyright: ignore[reportAttributeAccessIssue] - it is SQLite
        self._began, self._n_done = monotonic(), 0
        self._ended, self._error = Event(), None

    @property
    def is_open(self) -> bool:
        """Whether it still takes in work."""
        return not self._ended.is_set() and monotonic() < self._began + MOST_SECONDS

    @contextmanager
    def work(self) -> Generator[Connection]:
        """The work of one writer, undone by an exception; what others did stays, unless SQLite itself undid it all.

        An exception is raised at once, though what it was raised for may be work of others that is not on disk yet."""
        if self._n_done:
            self._driver.execute("SAVEPOINT work")
        try:
            yield self._connection
        except BaseException as error:
            self._undo(error)
            raise
        self._n_done += 1

    def _undo(self, error: BaseException) -> None:
        """Undo the work of one, and all if that cannot be, or is all there is; as when the disk is full."""
        undone = False
        try:
            if self._n_done and self._driver.in_transaction:
                self._driver.execute("ROLLBACK TO work")
                undone = True
        finally:
            if not undone:
                self._end(self._transaction.rollback, error)

    def commit(self) -> None:
        """End it for all; `wait` says how it went."""
        if not self._ended.is_set():
            lost = None if self._driver.in_transaction else RuntimeError("SQLite undid the transaction")
            self._end(self._transaction.commit if lost is None else self._transaction.rollback, lost)

    def wait(self, seconds: float) -> bool:
        """Whether it ended within so long; raises StoreUnavailable if nothing of it is kept."""
        if self._ended.wait(seconds) and self._error is not None:
            raise StoreUnavailable(
                f"The database did not keep what was written: {self._error}", remedy="Send the same request again."
            ) from self._error
        return self._ended.is_set()

    def _end(self, end: Callable[[], None], error: BaseException | None) -> None:
        self._error = error
        try:
            end()
        except BaseException as failed:
            self._error = failed
            self._connection.invalidate()  # its transaction is still open
            if not isinstance(failed, SQLAlchemyError):
                raise
        finally:
            self._ended.set()
            self._connection.close()


class Turns:
    """The queue of the writers of one engine.

    Attributes:
        n_waiting: how many wait for their turn.
        shared: the transaction that is open now.
    """

    n_waiting: int
    shared: Shared | None

    def __init__(self) -> None:
        self._turn, self._counting = Lock(), Lock()
        self.n_waiting, self.shared = 0, None

    @contextmanager
    def writing(self, engine: Engine, seconds: float, *, shares: bool) -> Generator[Connection]:
        """A turn to write; what was written is on disk when it ends, and undone by an exception.

        `shares`: its work is short, so that others may wait for it to be committed.

        Raises:
            StoreUnavailable: the turn does not come within so many seconds, or nothing could be kept.
        """
        self._queue(seconds)
        try:
            shared = self._join(engine, shares=shares)
            try:
                with shared.work() as connection:
                    yield connection
            finally:
                if not shares or not self.n_waiting or not shared.is_open:
                    self._commit(shared)
        finally:
            self._turn.release()
        while not shared.wait(LOOK_SECONDS):
            # Whom it was left open for may have gone without a turn.
            if not self.n_waiting and self._turn.acquire(blocking=False):
                try:
                    self._commit(shared)
                finally:
                    self._turn.release()

    def _queue(self, seconds: float) -> None:
        with self._counting:
            self.n_waiting += 1
        try:
            if not self._turn.acquire(timeout=seconds):
                raise StoreUnavailable(
                    "The database stays busy.", remedy="Try again; see what writes to it for so long."
                )
        finally:
            with self._counting:
                self.n_waiting -= 1

    def _join(self, engine: Engine, *, shares: bool) -> Shared:
        """The transaction that is open, else a new one."""
        if self.shared is not None and not (shares and self.shared.is_open):
            self._commit(self.shared)
        if self.shared is None:
            self.shared = Shared(engine)
        return self.shared

    def _commit(self, shared: Shared) -> None:
        shared.commit()
        if self.shared is shared:
            self.shared = None


def turns_of(engine: Engine) -> Turns:
    """The queue of an engine, and of all that share its connections."""
    with _MAKING:
        return _TURNS.setdefault(engine.pool, Turns())


_TURNS, _MAKING = WeakKeyDictionary[Pool, Turns](), Lock()
