"""Preferences in SQL: append-only, each entry once."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Engine, Row, insert

from features.audit import Author, Entry
from features.identity import Identifier
from features.sql.audit_store import append_audit
from features.sql.engine import reading, writing
from features.sql.entry_rows import new_entries, rows_of_ids, rows_under
from features.sql.identity_rows import text_of
from features.sql.tables.preferences import preference_entries
from recommender.preferences import Aspect, Preference

COLUMNS = preference_entries.c


class PreferenceStore:
    """The record of preferences; `recommender.preferences.fold_preferences` says what they come to."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(self, said: Sequence[Preference], *, by: Author) -> int:
        """Append those whose id is not in it yet, in one transaction; returns how many were new."""
        with writing(self._engine) as write:
            new = new_entries(write.connection, preference_entries, said)
            if new:
                rows = [_values(one, write.change_number) for one in new]
                write.connection.execute(insert(preference_entries), rows)
                note = {"entries": len(new)}
                append_audit(write.connection, Entry(by, "preferences.append", "preferences", details=note))
            return len(new)

    def find(self, entry_ids: Collection[str]) -> dict[str, Preference]:
        """Those of some ids that are on record."""
        with reading(self._engine) as connection:
            rows = rows_of_ids(connection, preference_entries, entry_ids)
        return {one.entry_id: one for one in map(preference_of, rows)}

    def history(self, identifiers: Collection[Identifier]) -> list[Preference]:
        """All that was ever said under these identifiers, in the order it was taken down."""
        with reading(self._engine) as connection:
            return [preference_of(row) for row in rows_under(connection, preference_entries, identifiers)]


def preference_of(row: Row[*tuple[object, ...]]) -> Preference:
    """The preference of a row of the table."""
    return Preference(
        entry_id=row.entry_id, subject=(row.kind, row.value), channel=row.channel, topic=row.topic,
        aspect=Aspect(row.aspect), setting=row.setting, occurred_at=datetime.fromisoformat(row.occurred_at),
        received_at=datetime.fromisoformat(row.received_at), source_channel=row.source_channel, system=row.system,
        form=row.form, operator=row.operator,
    )  # fmt: skip


def _values(one: Preference, change_number: int) -> dict[str, object]:
    kind, value = one.subject
    return {
        "entry_id": one.entry_id, "kind": kind, "value": value, "channel": one.channel, "topic": one.topic,
        "aspect": one.aspect.value, "setting": one.setting, "source_channel": one.source_channel,
        "system": one.system, "form": one.form, "operator": one.operator, "occurred_at": text_of(one.occurred_at),
        "received_at": text_of(one.received_at), "change_number": change_number,
    }  # fmt: skip
