"""Rows of the append-only tables of what shoppers said: each entry once, under the identifier that it was said of."""

from collections.abc import Collection, Iterable
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Row, Table, select

from features.identity import Identifier
from features.sql.identity_rows import named_as


class HasId(Protocol):
    """An entry, known by its id wherever it comes from."""

    @property
    def entry_id(self) -> str:
        """The same each time it is brought."""
        ...


Entry = TypeVar("Entry", bound=HasId)
AnyRow = Row[*tuple[object, ...]]


def new_entries(connection: Connection, table: Table, entries: Iterable[Entry]) -> list[Entry]:
    """Those that the table lacks, in their order; of two with one id the first."""
    new = dict[str, Entry]()
    for entry in entries:
        new.setdefault(entry.entry_id, entry)
    for row in rows_of_ids(connection, table, new):
        del new[row.entry_id]
    return list(new.values())


def rows_of_ids(connection: Connection, table: Table, entry_ids: Collection[str]) -> list[AnyRow]:
    """Those of some ids that are on record."""
    return list(connection.execute(select(table).where(table.c.entry_id.in_(entry_ids))))


def rows_under(connection: Connection, table: Table, identifiers: Collection[Identifier]) -> list[AnyRow]:
    """All that was ever said under these identifiers, in the order it was taken down."""
    rows = [
        row
        for where in named_as(identifiers, table.c.kind, table.c.value)
        for row in connection.execute(select(table).where(where))
    ]
    return sorted(rows, key=lambda row: row.id)
