"""Writers of one process to SQLite who wait for each other share a commit, and nothing else."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest
from sqlalchemy import Connection, Engine, event, text

from features.sql import turns
from features.sql.engine import engine_of, exclusive
from features.sql.turns import turns_of
from recommender.errors import StoreUnavailable
from tests.databases import new_sqlite

WRITE = text("INSERT INTO written VALUES (:name)")


@pytest.fixture
def sqlite(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(turns, "MOST_SECONDS", 60)  # however slow this machine is
    engine = engine_of(new_sqlite(tmp_path_factory.mktemp("turns")))
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE written (name TEXT PRIMARY KEY)")
    yield engine
    engine.dispose()


def write(
    engine: Engine, name: str, then: Callable[[Connection], object] = lambda _: None, *, shares: bool = True
) -> str:
    with exclusive(engine, shares=shares) as connection:
        connection.execute(WRITE, {"name": name})
        then(connection)
    return name


def fail(_: Connection) -> None:
    raise ZeroDivisionError


def lose_all(connection: Connection) -> None:
    connection.exec_driver_sql("INSERT OR ROLLBACK INTO written SELECT name FROM written")


def written(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.exec_driver_sql("SELECT name FROM written").scalars())


def queued(engine: Engine, works: dict[str, Callable[[Connection], object]]) -> dict[str, Future[str]]:
    """What becomes of writers who all waited while the first, who is one of them, was not done yet."""
    go = Event()

    def first(connection: Connection) -> None:
        assert go.wait(10)

    with ThreadPoolExecutor(len(works) + 1) as threads:
        found = {"first": threads.submit(write, engine, "first", first)}
        while not turns_of(engine).shared:
            time.sleep(0.001)
        for n, (name, work) in enumerate(works.items(), 1):
            found[name] = threads.submit(write, engine, name, work)
            while turns_of(engine).n_waiting < n:
                time.sleep(0.001)
        go.set()
    return found


def nothing(_: Connection) -> None:
    pass


def test_those_who_wait_share_a_commit_and_a_failure_undoes_only_its_own(sqlite: Engine) -> None:
    commits: list[object] = []
    event.listen(sqlite, "commit", commits.append)
    found = queued(sqlite, {f"w{n}": fail if n % 3 == 0 else nothing for n in range(12)})
    for name, outcome in found.items():
        if name in {"w0", "w3", "w6", "w9"}:
            assert isinstance(outcome.exception(), ZeroDivisionError)
        else:
            assert outcome.result() == name
    assert written(sqlite) == {name for name, outcome in found.items() if outcome.exception() is None}
    assert len(commits) == 1


def test_what_sqlite_itself_undoes_is_acknowledged_to_nobody(sqlite: Engine) -> None:
    found = queued(sqlite, {"one": nothing, "loses": lose_all, "two": nothing})  # who waits is served in any order
    assert found["loses"].exception() is not None
    assert written(sqlite) == {name for name, outcome in found.items() if outcome.exception() is None}
    assert isinstance(found["first"].exception(), StoreUnavailable)
    assert write(sqlite, "later") == "later"


def test_a_commit_that_fails_is_told_to_all_who_share_it(sqlite: Engine) -> None:
    def orphan(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")  # so that only the commit finds the fault
        connection.exec_driver_sql(
            "INSERT INTO shared_codes VALUES ('digest', 'code', 'nobody', 1, '[]', '2026', '2027')"
        )

    found = queued(sqlite, {"orphan": orphan, "good": nothing})
    assert all(isinstance(outcome.exception(), StoreUnavailable) for outcome in found.values())
    assert written(sqlite) == set()
    assert write(sqlite, "later") == "later"


def test_who_waits_too_long_is_told_and_holds_nobody_up(sqlite: Engine) -> None:
    go, begun = Event(), Event()

    def slow(_: Connection) -> None:
        begun.set()
        assert go.wait(10)

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(write, sqlite, "first", slow)
        assert begun.wait(10)
        with pytest.raises(StoreUnavailable), turns_of(sqlite).writing(sqlite, 0.01, shares=True):
            pass
        go.set()
        assert first.result() == "first"
    assert written(sqlite) == {"first"}


def test_nobody_waits_for_the_end_of_one_who_writes_much(sqlite: Engine) -> None:
    go, begun = Event(), Event()

    def much(_: Connection) -> None:
        begun.set()
        assert go.wait(10)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(write, sqlite, "first", lambda _: time.sleep(0.05))
        while not turns_of(sqlite).shared:
            time.sleep(0.001)
        second = threads.submit(write, sqlite, "second", much, shares=False)
        assert first.result(5) == "first"
        assert begun.wait(10)
        assert written(sqlite) == {"first"}
        go.set()
        assert second.result(5) == "second"


class Interrupted(BaseException):
    """As a signal's handler raises it, at any moment."""


def test_an_interrupted_commit_is_acknowledged_to_nobody(sqlite: Engine) -> None:
    def cut(_: Connection) -> None:
        raise Interrupted

    event.listen(sqlite, "commit", cut, once=True)
    found = queued(sqlite, {"one": nothing})
    assert not [name for name, outcome in found.items() if outcome.exception() is None]
    assert written(sqlite) == set()
    assert write(sqlite, "later") == "later"


def test_work_that_cannot_be_undone_by_itself_is_undone_with_that_of_others(sqlite: Engine) -> None:
    def lose_the_savepoint(connection: Connection) -> None:
        connection.exec_driver_sql("RELEASE work")
        raise ZeroDivisionError

    found = queued(sqlite, {"one": lose_the_savepoint})
    assert not [name for name, outcome in found.items() if outcome.exception() is None]
    assert written(sqlite) == set()
    assert write(sqlite, "later") == "later"
