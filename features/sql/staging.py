"""Large imports of items: written aside in small transactions, visible by one, then moved in small transactions.

The rows wait in `staged_items`. Setting the change number of the import is the moment when all of them begin to count;
readers take them from there until they have been moved. A process that dies before that moment leaves nothing that
counts, one that dies after it leaves work that the next large import finishes.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Engine, delete, exists, insert, select, update

from features.audit import Entry
from features.progress import Step
from features.sql.audit_store import append_audit
from features.sql.bulk import insert_rows
from features.sql.chunks import chunks_of
from features.sql.engine import Write, reading, writing
from features.sql.item_rows import facts_of, move_staged, read_pending
from features.sql.tables.catalogue import ITEM_FACTS, imports, items, staged_items
from recommender.catalogue import CatalogueItem
from recommender.errors import RecommenderError


class ImportOvertaken(RecommenderError):
    """Another import of the catalogue began while this one was still being written aside."""

    code = "import_overtaken"


def import_in_chunks(
    engine: Engine, rows: Sequence[CatalogueItem], facts: Sequence[str], step: Step, entry: Entry
) -> int:
    """State `facts` of all rows at once; a new item takes all its facts from its row. Returns the change number.

    `step` advances by one for each row; `entry` is in the audit trail from the moment when they count.

    Raises:
        ImportOvertaken: nothing of this import counts, the other one does.
    """
    finish_import(engine)
    import_number = _open_import(engine, facts)
    with reading(engine) as connection:
        numbered = connection.execute(select(items.c.item_id, items.c.item_number)).all()
        known: dict[str, int] = {item_id: number for item_id, number in numbered}  # noqa: C416 (dict() is not typed so)
    for chunk in chunks_of(rows):
        with writing(engine) as write:
            _check_not_overtaken(write.connection, import_number)
            _stage(write.connection, chunk, import_number, known)
        step.advance(len(chunk))
    change_number = _show(engine, import_number, entry)
    finish_import(engine)
    return change_number


def finish_import(engine: Engine) -> None:
    """Move what is left of an import that counts already; does nothing if there is none."""
    with reading(engine) as connection:
        pending = read_pending(connection)
        if pending is None:
            return
        staged = select(staged_items.c.item_number).where(staged_items.c.import_number == pending.import_number)
        numbers = connection.execute(staged.order_by(staged_items.c.item_number)).scalars().all()
    for chunk in chunks_of(numbers):
        with writing(engine) as write:
            move_staged(write.connection, pending, staged_items.c.item_number.between(chunk[0], chunk[-1]))
    with writing(engine) as write:
        write.connection.execute(delete(imports).where(imports.c.import_number == pending.import_number))


def number_new_items(connection: Connection, rows: Sequence[CatalogueItem], known: Mapping[str, int]) -> dict[str, int]:
    """Item numbers of all rows by item id; new items get theirs, and stay out of sight until something shows them.

    `known` are numbers that were read before: a number never changes.
    """
    numbers: dict[str, int] = {row.item_id: known[row.item_id] for row in rows if row.item_id in known}
    if len(numbers) < len(rows):
        numbers |= _read_numbers(connection, [row for row in rows if row.item_id not in known])
    unknown = [row for row in rows if row.item_id not in numbers]
    if unknown:
        reserved = [(row.item_id, *facts_of(row), True, 0) for row in unknown]
        insert_rows(connection, items, ("item_id", *ITEM_FACTS, "deleted", "change_number"), reserved)
        numbers |= _read_numbers(connection, unknown)
    return numbers


def _open_import(engine: Engine, facts: Sequence[str]) -> int:
    with reading(engine) as connection:
        abandoned = exists().where(imports.c.import_number == staged_items.c.import_number)
        left = select(staged_items.c.import_number, staged_items.c.item_number).where(
            abandoned.where(imports.c.change_number.is_(None))
        )
        keys = connection.execute(left).all()
    for chunk in chunks_of(keys):
        with writing(engine) as write:
            numbers = staged_items.c.item_number.in_([key.item_number for key in chunk])
            of_imports = staged_items.c.import_number.in_({key.import_number for key in chunk})
            write.connection.execute(delete(staged_items).where(numbers, of_imports))
    with writing(engine) as write:
        write.connection.execute(delete(imports).where(imports.c.change_number.is_(None)))
        opened = insert(imports).values(facts=list(facts)).returning(imports.c.import_number)
        return int(write.connection.execute(opened).scalar_one())


def _check_not_overtaken(connection: Connection, import_number: int) -> None:
    mine = select(imports.c.import_number).where(imports.c.import_number == import_number)
    if connection.execute(mine).one_or_none() is None:
        raise ImportOvertaken(
            "Another import of the catalogue began before this one was complete; nothing of this one was imported.",
            remedy="Run one import at a time; start this one again if its file is the newer one.",
        )


def _stage(connection: Connection, rows: Sequence[CatalogueItem], import_number: int, known: Mapping[str, int]) -> None:
    numbers = number_new_items(connection, rows, known)
    staged = [(import_number, numbers[row.item_id], *facts_of(row)) for row in rows]
    insert_rows(connection, staged_items, ("import_number", "item_number", *ITEM_FACTS), staged)


def _show(engine: Engine, import_number: int, entry: Entry) -> int:
    while True:
        with writing(engine) as write:
            _check_not_overtaken(write.connection, import_number)
            if read_pending(write.connection) is None:
                append_audit(write.connection, entry)
                return _set_visible(write, import_number)
        finish_import(engine)


def _set_visible(write: Write, import_number: int) -> int:
    mine = imports.c.import_number == import_number
    write.connection.execute(update(imports).where(mine).values(change_number=write.change_number))
    return write.change_number


def _read_numbers(connection: Connection, rows: Sequence[CatalogueItem]) -> dict[str, int]:
    known = select(items.c.item_id, items.c.item_number).where(items.c.item_id.in_([row.item_id for row in rows]))
    return {row.item_id: row.item_number for row in connection.execute(known)}
