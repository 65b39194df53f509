"""The audit trail in SQL: entries are written with what they tell of, and sealed one after another once committed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, Select, bindparam, func, insert, select, update

from features.audit import FACTS, GENESIS, Entry, Written, plain_request_id, seal_of
from features.sql.engine import exclusive, reading
from features.sql.tables.audit import audit_entries

SEALING_LOCK = 7_301_194_256  # any number, the same in every process: PostgreSQL's advisory lock of sealers
SEALED_AT_ONCE = 500
LONGEST_ID = 300

A = audit_entries.c
COLUMNS = tuple(A[name] for name in (*FACTS, "sequence", "seal"))


def append_audit(connection: Connection, entry: Entry) -> None:
    """Write an entry in the transaction of the write that it tells of: both are there, or neither.

    Nothing is chained here, so nobody waits for whoever writes at the same time. The moment is read here, so that no
    caller states it.
    """
    row = {
        "made_at": datetime.now(UTC).isoformat(timespec="microseconds"), "actor": entry.by.actor,
        "action": entry.action, "object_kind": entry.object_kind,
        "object_id": None if entry.object_id is None else entry.object_id[:LONGEST_ID],
        "request_id": plain_request_id(entry.by.request_id),
        "details": orjson.dumps(dict(entry.details), option=orjson.OPT_SORT_KEYS).decode(),
    }  # fmt: skip
    connection.execute(insert(audit_entries).values(**row))


def record_audit(engine: Engine, entry: Entry) -> None:
    """Write an entry of something that SQL has no part in, such as a file; raises StoreUnavailable."""
    with exclusive(engine) as connection:
        append_audit(connection, entry)


def seal_waiting(engine: Engine) -> int:
    """Chain all committed entries that are not sealed yet, in the order of their sealing. Returns how many.

    Any process may do it at any time: a lock lets one at a time. An entry whose transaction commits late is sealed
    by the next call, after those that were there before it. Raises StoreUnavailable.
    """
    sealed = 0
    while _anything_waits(engine):
        with exclusive(engine, SEALING_LOCK) as connection:
            sequence, previous = read_head(connection)
            waiting = select(*COLUMNS).where(A.sequence.is_(None)).order_by(A.audit_number).limit(SEALED_AT_ONCE)
            rows = list[dict[str, object]]()
            for entry in _entries(connection, waiting):
                sequence, previous = sequence + 1, seal_of(entry, sequence + 1, previous)
                rows.append({"number": entry.audit_number, "place": sequence, "made": previous})
            if rows:
                this = update(audit_entries).where(A.audit_number == bindparam("number"))
                connection.execute(this.values(sequence=bindparam("place"), seal=bindparam("made")), rows)
        sealed += len(rows)
    return sealed


def read_head(connection: Connection) -> tuple[int, str]:
    """Sequence and seal of the end of the chain."""
    newest = select(A.sequence, A.seal).where(A.sequence.is_not(None)).order_by(A.sequence.desc()).limit(1)
    found = connection.execute(newest).one_or_none()
    return (0, GENESIS) if found is None else (int(found.sequence), str(found.seal))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries to list; None: whatever it is. `since` is RFC 3339 in UTC."""

    since: str | None = None
    actor: str | None = None
    action: str | None = None


def read_newest(engine: Engine, wanted: Wanted, limit: int) -> list[Written]:
    """The newest entries that fit, sealed or not, the newest last."""
    query = select(*COLUMNS).order_by(A.audit_number.desc()).limit(limit)
    if wanted.since is not None:
        query = query.where(A.made_at >= wanted.since)
    if wanted.actor is not None:
        query = query.where(A.actor == wanted.actor)
    if wanted.action is not None:
        query = query.where(A.action == wanted.action)
    with reading(engine) as connection:
        return list(_entries(connection, query))[::-1]


def read_sealed(engine: Engine, after: int, limit: int) -> list[Written]:
    """Sealed entries after a sequence, in their order: whoever goes on from the last misses none."""
    query = select(*COLUMNS).where(A.sequence > after).order_by(A.sequence).limit(limit)
    with reading(engine) as connection:
        return list(_entries(connection, query))


def count_waiting(engine: Engine) -> int:
    """How many entries wait for their seal."""
    with reading(engine) as connection:
        return int(connection.execute(select(func.count()).where(A.sequence.is_(None))).scalar_one())


def read_chain(connection: Connection) -> Iterator[Written]:
    """All sealed entries by sequence, in the snapshot of a transaction."""
    chain = select(*COLUMNS).where(A.sequence.is_not(None)).order_by(A.sequence)
    return _entries(connection.execution_options(yield_per=1_000), chain)


def _anything_waits(engine: Engine) -> bool:
    with reading(engine) as connection:
        return connection.execute(select(A.audit_number).where(A.sequence.is_(None)).limit(1)).first() is not None


def _entries(connection: Connection, query: Select[*tuple[Any, ...]]) -> Iterator[Written]:
    return (Written(*row) for row in connection.execute(query))
