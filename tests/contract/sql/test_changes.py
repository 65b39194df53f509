"""What every worker reads after every change must not grow with the catalogue, nor with the shoppers."""

from dataclasses import fields
from typing import Any

import pytest
from sqlalchemy import Engine, event

from features.sql.catalogue_store import CatalogueStore
from features.sql.changes import FOLLOWED, WHERE_CHANGED, Changes, read_changes
from features.sql.tables.catalogue import ITEM_FACTS
from tests.builders import item
from tests.pending_imports import pending_import

FEW = {"imports", "CONSTANT"}  # has a row or none; is no table


def steps_of(engine: Engine, after: int) -> list[str]:
    """The steps by which SQLite finds what changed, whichever table it was in."""
    sent: list[Any] = []

    def note(*said: Any) -> None:
        sent.append(said[2:4])

    with engine.connect() as connection:
        event.listen(engine, "before_cursor_execute", note)
        connection.execute(WHERE_CHANGED, {"after": after}).all()
        for _, read in FOLLOWED.values():
            read(connection, after)
        event.remove(engine, "before_cursor_execute", note)
        plans = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", parameters) for text, parameters in sent]
        return [row.detail for plan in plans for row in plan]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("an_import_is_moved", [False, True])
def test_sqlite_finds_what_changed_by_its_number(engine: Engine, an_import_is_moved: bool) -> None:
    store = CatalogueStore(engine)
    if an_import_is_moved:
        pending_import(engine, [item(1), item(2)], ITEM_FACTS)
    changed, after = store.put(item(3))
    steps = steps_of(engine, after - 1)
    assert "SEARCH items USING INDEX ix_items_change_number (change_number>?)" in steps
    scanned = {step for step in steps if step.startswith("SCAN") and step.split()[1] not in FEW}
    assert not scanned
    assert read_changes(engine, after - 1).items == (changed,)


def test_each_part_of_what_changed_is_read() -> None:
    assert {part.name for part in fields(Changes)} == FOLLOWED.keys() | {"change_number"}
