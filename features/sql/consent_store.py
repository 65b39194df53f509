"""The ledger of consents in SQL: append-only, each entry once."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Engine, Row, insert, select

from features.audit import Author
from features.audit import Entry as AuditEntry
from features.identity import Identifier
from features.sql.audit_store import append_audit
from features.sql.chunks import chunks_of
from features.sql.engine import reading, writing
from features.sql.entry_rows import new_entries, rows_of_ids, rows_under
from features.sql.identity_rows import text_of
from features.sql.tables.consents import consent_entries
from recommender.consent import Entry, State

COLUMNS = consent_entries.c


class ConsentStore:
    """The ledger of consents. What its entries come to is read by features/sql/consent_states.py."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(self, entries: Sequence[Entry], *, by: Author | None = None) -> int:
        """Append those whose id is not in it yet; they are on disk when this returns. Returns how many were new.

        A grant from a clock that runs ahead is taken to have been said when it was received.
        Few go in one transaction, many in several: after a failure the same call may be made again.
        `by`: who writes it down, for the audit trail; None: an event did, which is on record itself.

        Raises:
            StoreUnavailable.
        """
        fresh = 0
        for chunk in chunks_of(entries):
            with writing(self._engine) as write:
                new = new_entries(write.connection, consent_entries, chunk)
                if new:
                    rows = [_values(entry, write.change_number) for entry in new]
                    write.connection.execute(insert(consent_entries), rows)
                    if by is not None:
                        note = {"entries": len(new)}
                        append_audit(write.connection, AuditEntry(by, "consents.append", "consents", details=note))
                fresh += len(new)
        return fresh

    def find(self, entry_ids: Collection[str]) -> dict[str, Entry]:
        """Those of some ids that are on record."""
        with reading(self._engine) as connection:
            rows = rows_of_ids(connection, consent_entries, entry_ids)
        return {entry.entry_id: entry for entry in map(entry_of, rows)}

    def history(self, identifiers: Collection[Identifier]) -> list[Entry]:
        """All that was ever said under these identifiers, in the order it was taken down."""
        with reading(self._engine) as connection:
            return [entry_of(row) for row in rows_under(connection, consent_entries, identifiers)]

    def changes(self, after_id: int, limit: int) -> list[tuple[int, Entry]]:
        """The first `limit` entries after the one of a number (0: from the start), each with its number."""
        query = select(consent_entries).where(COLUMNS.id > after_id).order_by(COLUMNS.id).limit(limit)
        with reading(self._engine) as connection:
            return [(row.id, entry_of(row)) for row in connection.execute(query)]


def entry_of(row: Row[*tuple[object, ...]]) -> Entry:
    """The entry of a row of the table."""
    return Entry(
        entry_id=row.entry_id, subject=(row.kind, row.value), purpose=row.purpose, topic=row.topic,
        state=State(row.state), occurred_at=datetime.fromisoformat(row.occurred_at),
        received_at=datetime.fromisoformat(row.received_at),
        expires_at=None if row.expires_at is None else datetime.fromisoformat(row.expires_at), imported=row.imported,
        vouched=row.vouched, guardian=row.guardian, channel=row.channel, system=row.system, form=row.form,
        operator=row.operator, notice_version=row.notice_version, proof=row.proof, jurisdiction=row.jurisdiction,
        raw_signal=row.raw_signal,
    )  # fmt: skip


def _values(entry: Entry, change_number: int) -> dict[str, object]:
    kind, value = entry.subject
    # A clock that runs ahead must not let a yes outlive the no that is said after it.
    is_ahead = entry.state is State.GRANTED and entry.occurred_at > entry.received_at
    occurred_at = entry.received_at if is_ahead else entry.occurred_at
    return {
        "entry_id": entry.entry_id, "kind": kind, "value": value, "purpose": entry.purpose, "topic": entry.topic,
        "state": entry.state.value, "channel": entry.channel, "system": entry.system, "form": entry.form,
        "operator": entry.operator, "notice_version": entry.notice_version, "proof": entry.proof,
        "jurisdiction": entry.jurisdiction, "raw_signal": entry.raw_signal, "imported": entry.imported,
        "vouched": entry.vouched, "guardian": entry.guardian, "occurred_at": text_of(occurred_at),
        "received_at": text_of(entry.received_at),
        "expires_at": None if entry.expires_at is None else text_of(entry.expires_at), "change_number": change_number,
    }  # fmt: skip
