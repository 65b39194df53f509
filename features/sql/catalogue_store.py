"""The catalogue in SQL: what the shop sells, under numbers that stay."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from sqlalchemy import ColumnElement, Connection, Engine, FromClause, bindparam, select, update

from features.audit import SYSTEM, Author, Entry
from features.progress import ProgressReport, Silent
from features.sql.audit_store import append_audit
from features.sql.chunks import SMALL
from features.sql.engine import Write, read_change_number, reading, writing
from features.sql.item_rows import COLUMNS, current_items, items_of, move_staged, read_pending
from features.sql.staging import import_in_chunks, number_new_items
from features.sql.tables.catalogue import ITEM_FACTS, items, staged_items, store_stock
from recommender.catalogue import CatalogueItem
from recommender.errors import UnknownItem
from recommender.ids import ItemId, ItemNumber

IDS_AT_ONCE = 5_000  # in one statement; SQLite takes 32,766
UNNUMBERED = ItemNumber(0)  # of an item that has no number yet; the first number is 1


@dataclass(frozen=True, slots=True)
class Upserted:
    """How many items were new or different, and the change number by which they count."""

    n_changed: int
    change_number: int


class CatalogueStore:
    """Items by their id. A number, once given, is never given again, also not after the item was deleted."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, item_id: ItemId) -> CatalogueItem:
        """Read one item; raises UnknownItem."""
        with reading(self._engine) as connection:
            current = current_items(connection)
            found = _select(connection, current, current.c.item_id == item_id)
        if not found:
            raise unknown_item(item_id)
        return found[0]

    def find(self, item_ids: Sequence[str]) -> dict[str, CatalogueItem]:
        """Read those of the items that the catalogue has."""
        with reading(self._engine) as connection:
            current = current_items(connection)
            return {item.item_id: item for item in _select(connection, current, current.c.item_id.in_(item_ids))}

    def read_all(self) -> list[CatalogueItem]:
        """Read all items, ascending by item number."""
        return self.read_snapshot()[0]

    def read_snapshot(self) -> tuple[list[CatalogueItem], int]:
        """Read all items, ascending by item number, and the change number that they stand for."""
        with reading(self._engine) as connection:
            current = current_items(connection)
            return _select(connection, current), read_change_number(connection)

    def change_number(self) -> int:
        """The number of the latest change to anything that workers follow."""
        with reading(self._engine) as connection:
            return read_change_number(connection)

    def numbers_of(self, item_ids: Sequence[str]) -> dict[str, ItemNumber]:
        """Numbers of those of the items that the catalogue has."""
        with reading(self._engine) as connection:
            current = current_items(connection).c
            query = select(current.item_id, current.item_number).where(~current.deleted)
            return {
                str(item_id): ItemNumber(number)
                for start in range(0, len(item_ids), IDS_AT_ONCE)
                for item_id, number in connection.execute(
                    query.where(current.item_id.in_(item_ids[start : start + IDS_AT_ONCE]))
                )
            }

    def put(self, item: CatalogueItem, *, by: Author = SYSTEM) -> tuple[CatalogueItem, int]:
        """State all facts of one item; its number comes from the catalogue, whatever the value says.

        Returns the item as it now stands and the change number.
        """
        with writing(self._engine) as write:
            _state(write, [item], ITEM_FACTS)
            append_audit(write.connection, Entry(by, "catalogue.put", "item", item.item_id))
            return _select(write.connection, items, items.c.item_id == item.item_id)[0], write.change_number

    def upsert_many(
        self,
        stated: Sequence[CatalogueItem],
        *,
        facts: Sequence[str] = ITEM_FACTS,
        progress: ProgressReport | None = None,
        by: Author = SYSTEM,
    ) -> Upserted:
        """State facts of many items at once; all of them become visible together.

        An item whose facts are what they were is not touched. No other writer waits long, however many they are.

        Args:
            stated: no item twice; their numbers are not looked at.
            facts: names of ITEM_FACTS that are stated; the others stay as they are, and count only for new items.
            progress: where a large import says how far it is.

        Raises:
            ImportOvertaken: another large import began in the meantime; nothing of this one counts.
        """
        changed = self._changed(stated, facts)
        if not changed:
            return Upserted(0, self.change_number())
        entry = Entry(by, "catalogue.import", "items", details={"rows": len(changed)})
        if len(changed) > SMALL:
            with (progress or Silent()).step("Writing the catalogue", len(changed)) as step:
                return Upserted(len(changed), import_in_chunks(self._engine, changed, facts, step, entry))
        with writing(self._engine) as write:
            _state(write, changed, facts)
            append_audit(write.connection, entry)
            return Upserted(len(changed), write.change_number)

    def delete(self, item_id: ItemId, *, by: Author = SYSTEM) -> int:
        """Take an item out of the catalogue, and what stores said of its stock; raises UnknownItem.

        Its number stays taken: the same id gets it back when it is stated again. Returns the change number.
        """
        with writing(self._engine) as write:
            number = find_numbers(write.connection, [item_id]).get(item_id)
            if number is None:
                raise unknown_item(item_id)
            changed = {"change_number": write.change_number}
            write.connection.execute(update(items).where(items.c.item_number == number).values(deleted=True, **changed))
            of_item = update(store_stock).where(store_stock.c.item_number == number)
            write.connection.execute(of_item.values(quantity=None, **changed))
            append_audit(write.connection, Entry(by, "catalogue.delete", "item", item_id))
            return write.change_number

    def _changed(self, stated: Sequence[CatalogueItem], facts: Sequence[str]) -> list[CatalogueItem]:
        read = attrgetter(*facts, "item_id")
        with reading(self._engine) as connection:
            current = current_items(connection)
            few = current.c.item_id.in_([item.item_id for item in stated]) if len(stated) <= SMALL else None
            known = {item.item_id: read(item) for item in _select(connection, current, few)}
        return [item for item in stated if known.get(item.item_id) != read(item)]


def find_numbers(connection: Connection, item_ids: Sequence[ItemId]) -> dict[ItemId, int]:
    """Numbers of those of the items that the catalogue has, ready to be changed in this transaction."""
    current = current_items(connection)
    query = select(current.c.item_id, current.c.item_number).where(current.c.item_id.in_(item_ids), ~current.c.deleted)
    numbers = {ItemId(item_id): int(number) for item_id, number in connection.execute(query)}
    _move(connection, list(numbers.values()))
    return numbers


def unknown_item(item_id: str, field: str | None = None) -> UnknownItem:
    """The error of an id that the catalogue does not have."""
    return UnknownItem(
        f"The catalogue has no item {item_id!r}.",
        field=field,
        remedy="Check the id, or state the item first with PUT /v1/catalogue/items/{id}.",
    )


def _select(
    connection: Connection, current: FromClause, where: ColumnElement[bool] | None = None
) -> list[CatalogueItem]:
    query = select(*(current.c[name] for name in COLUMNS)).where(~current.c.deleted).order_by(current.c.item_number)
    return list(items_of(connection.execute(query if where is None else query.where(where)).all()))


def _state(write: Write, stated: Sequence[CatalogueItem], facts: Sequence[str]) -> None:
    numbers = number_new_items(write.connection, stated, {})
    _move(write.connection, list(numbers.values()))
    values = {name: bindparam(f"new_{name}") for name in facts}
    change = update(items).where(items.c.item_number == bindparam("number"))
    rows = [
        {"number": numbers[item.item_id], **{f"new_{name}": getattr(item, name) for name in facts}} for item in stated
    ]
    write.connection.execute(change.values(**values, deleted=False, change_number=write.change_number), rows)


def _move(connection: Connection, numbers: Sequence[int]) -> None:
    pending = read_pending(connection)
    if pending is not None:
        move_staged(connection, pending, staged_items.c.item_number.in_(numbers))
