"""The audit trail on both databases: every committed entry gets one seal, and what is done to sealed ones shows."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from features.audit import CLI, GENESIS, Author, Entry, pseudonym
from features.sql.audit_check import check_audit
from features.sql.audit_store import (
    Wanted,
    append_audit,
    count_waiting,
    read_newest,
    read_sealed,
    record_audit,
    seal_waiting,
)
from features.sql.engine import engine_of, writing
from features.sql.tables.audit import audit_entries

A = audit_entries.c


def entry(name: str, by: Author = CLI) -> Entry:
    return Entry(by, "test.write", "thing", name, {"rows": 1})


def sealed_trail(engine: Engine, n: int = 6) -> None:
    for place in range(n):
        record_audit(engine, entry(f"t{place}"))
    assert seal_waiting(engine) == n


def test_an_entry_is_there_exactly_when_its_write_is(engine: Engine) -> None:
    def write_and_fail() -> None:
        with writing(engine) as write:
            append_audit(write.connection, entry("undone"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    with writing(engine) as write:
        append_audit(write.connection, entry("done", Author("key_1", "r-1")))
    [found] = read_newest(engine, Wanted(), 10)
    assert (found.actor, found.request_id, found.object_id, found.details) == ("key_1", "r-1", "done", '{"rows":1}')
    assert found.sequence is None
    assert seal_waiting(engine) == 1
    assert seal_waiting(engine) == 0
    assert [one.sequence for one in read_sealed(engine, 0, 10)] == [1]


def test_what_commits_late_is_sealed_later_and_numbers_may_have_gaps(database_url: str, engine: Engine) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite has one writer at a time, so numbers become visible in their order")
    with engine.connect() as late, engine.connect() as undone:
        append_audit(late, entry("late"))
        append_audit(undone, entry("undone"))
        record_audit(engine, entry("early"))
        assert seal_waiting(engine) == 1
        undone.rollback()
        late.commit()
    assert seal_waiting(engine) == 1
    found = read_sealed(engine, 0, 10)
    assert [one.object_id for one in found] == ["early", "late"]
    assert found[0].audit_number > found[1].audit_number
    assert check_audit(engine).faults == ()


def test_many_writers_and_many_sealers_make_one_chain(database_url: str, engine: Engine) -> None:
    def work(worker: int) -> None:
        mine = engine_of(database_url)
        for turn in range(5):
            record_audit(mine, entry(f"{worker}-{turn}"))
            seal_waiting(mine)
        mine.dispose()

    with ThreadPoolExecutor(5) as threads:
        list(threads.map(work, range(5)))
    found = read_sealed(engine, 0, 100)
    assert [one.sequence for one in found] == list(range(1, 26))
    assert len({one.object_id for one in found}) == 25
    check = check_audit(engine)
    assert (check.head, check.waiting, check.faults) == (25, 0, ())


def changed(column: str) -> Callable[[Connection], object]:
    return lambda c: c.execute(update(audit_entries).where(A.sequence == 3).values({column: "other"}))


def moved(connection: Connection) -> None:
    """Let the entries 2 and 4 change places."""
    for before, after in ((2, -1), (4, 2), (-1, 4)):
        connection.execute(update(audit_entries).where(A.sequence == before).values(sequence=after))


def inserted(connection: Connection) -> None:
    """Put a new entry at place 3, and push the others on."""
    for place in (6, 5, 4, 3):
        connection.execute(update(audit_entries).where(A.sequence == place).values(sequence=place + 1))
    stated = connection.execute(select(audit_entries).where(A.sequence == 2)).mappings().one()
    row = {**stated, "audit_number": 900, "sequence": 3, "object_id": "forged"}
    connection.execute(insert(audit_entries).values(row))


@pytest.mark.parametrize(
    ("attack", "said"),
    [
        *((changed(one), "entry 3") for one in ("made_at", "actor", "action", "object_kind", "object_id", "details")),
        (changed("request_id"), "entry 3"),
        (changed("seal"), "entry 3"),
        (lambda c: c.execute(update(audit_entries).where(A.sequence == 3).values(audit_number=77)), "entry 3"),
        (lambda c: c.execute(delete(audit_entries).where(A.sequence == 3)), "the entries 3 to 3 are missing"),
        (lambda c: c.execute(delete(audit_entries).where(A.sequence < 3)), "the entries 1 to 2 are missing"),
        (moved, "entry 2"),
        (inserted, "entry 3"),
    ],
)  # fmt: skip
def test_what_is_done_to_sealed_entries_shows_and_where(
    engine: Engine, attack: Callable[[Connection], object], said: str
) -> None:
    sealed_trail(engine)
    assert check_audit(engine).faults == ()
    with engine.begin() as connection:
        attack(connection)
    assert said in check_audit(engine).faults[0]


def test_a_cut_off_tail_shows_only_to_who_noted_a_seal(engine: Engine) -> None:
    assert check_audit(engine, GENESIS).faults == ()
    sealed_trail(engine)
    noted = check_audit(engine).seal
    sealed_trail(engine)
    assert check_audit(engine, noted).faults == ()
    with engine.begin() as connection:
        connection.execute(delete(audit_entries).where(A.sequence >= 6))
    assert check_audit(engine).faults == ()
    assert "cut off" in check_audit(engine, noted).faults[0]


def test_an_attacker_who_seals_anew_cannot_meet_a_noted_seal(engine: Engine) -> None:
    sealed_trail(engine)
    noted = check_audit(engine).seal
    with engine.begin() as connection:
        connection.execute(update(audit_entries).where(A.sequence == 2).values(actor="somebody else"))
        connection.execute(update(audit_entries).values(sequence=None, seal=None))
    assert seal_waiting(engine) == 6
    assert check_audit(engine).faults == ()
    assert check_audit(engine, noted).faults != ()


def test_long_trails_are_sealed_in_parts(engine: Engine) -> None:
    with engine.begin() as connection:
        for place in range(1_203):
            append_audit(connection, entry(str(place)))
    assert (count_waiting(engine), seal_waiting(engine), count_waiting(engine)) == (1_203, 1_203, 0)
    with engine.connect() as connection:
        assert connection.execute(select(func.max(A.sequence))).scalar_one() == 1_203
    assert check_audit(engine).faults == ()


def test_entries_are_listed_by_who_what_and_when(engine: Engine) -> None:
    for actor, action in (("key_1", "a.b"), ("key_2", "a.b"), ("key_1", "c.d")):
        record_audit(engine, Entry(Author(actor), action, "thing"))
    assert [one.action for one in read_newest(engine, Wanted(actor="key_1"), 10)] == ["a.b", "c.d"]
    assert [one.actor for one in read_newest(engine, Wanted(action="a.b"), 10)] == ["key_1", "key_2"]
    assert [one.action for one in read_newest(engine, Wanted(), 1)] == ["c.d"]
    assert read_newest(engine, Wanted(since="2999-01-01T00:00:00.000000+00:00"), 10) == []


def test_what_a_caller_chose_says_nothing_of_a_person(engine: Engine) -> None:
    record_audit(engine, entry("x", Author("key_1", "ann@example.org")))
    [found] = read_newest(engine, Wanted(), 1)
    assert found.request_id is not None
    assert found.request_id.startswith("sha256:")
    names = {pseudonym(b"s" * 32, kind, value) for kind in ("user_id", "loyalty_card") for value in ("ann", "bob")}
    assert len(names | {pseudonym(Random(1).randbytes(32), "user_id", "ann")}) == 5
