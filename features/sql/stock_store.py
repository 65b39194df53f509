"""Stock in SQL: in the whole chain, and store by store."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, bindparam, delete, insert, update

from features.audit import SYSTEM, Author, Entry
from features.progress import ProgressReport, Silent
from features.sql.audit_store import append_audit
from features.sql.catalogue_store import find_numbers, unknown_item
from features.sql.chunks import chunks_of
from features.sql.engine import Write, writing
from features.sql.tables.catalogue import items, store_stock
from recommender.ids import ItemId, StoreId


@dataclass(frozen=True, slots=True, kw_only=True)
class StockLine:
    """Stock of one item, in units: in one store, or in the whole chain where `store_id` is None.

    `quantity` None means for the chain that stock is not tracked, for a store that it says nothing.
    """

    item_id: ItemId
    quantity: int | None
    store_id: StoreId | None = None


class StockStore:
    """What is in stock."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def set_lines(self, lines: Sequence[StockLine], *, synthetic: bool = False, by: Author = SYSTEM) -> int:
        """State the stock of all lines, or of none; of several lines of one item and store the last counts.

        Returns the change number.

        Raises:
            UnknownItem: names the field `lines[i].item_id` of the first item that the catalogue does not have.
        """
        with writing(self._engine) as write:
            numbers = find_numbers(write.connection, list({line.item_id for line in lines}))
            for position, line in enumerate(lines):
                if line.item_id not in numbers:
                    raise unknown_item(line.item_id, field=f"lines[{position}].item_id")
            last = {(line.store_id, numbers[line.item_id]): line.quantity for line in lines}
            _set_chain(write, {number: quantity for (store, number), quantity in last.items() if store is None})
            _set_stores(write, {key: quantity for key, quantity in last.items() if key[0] is not None}, synthetic)
            append_audit(write.connection, Entry(by, "stock.set", "stock", details={"lines": len(lines)}))
            return write.change_number

    def set_many(
        self,
        lines: Sequence[StockLine],
        *,
        synthetic: bool = False,
        progress: ProgressReport | None = None,
        by: Author = SYSTEM,
    ) -> None:
        """State the stock of many lines, in several transactions: one that fails leaves those before it in force."""
        with (progress or Silent()).step("Writing stock", len(lines)) as step:
            for chunk in chunks_of(lines):
                self.set_lines(chunk, synthetic=synthetic, by=by)
                step.advance(len(chunk))


def _set_chain(write: Write, quantities: dict[int, int | None]) -> None:
    if not quantities:
        return
    change = update(items).where(items.c.item_number == bindparam("number"))
    change = change.values(stock=bindparam("quantity"), change_number=write.change_number)
    rows = [{"number": number, "quantity": quantity} for number, quantity in quantities.items()]
    write.connection.execute(change, rows)


def _set_stores(write: Write, quantities: dict[tuple[StoreId | None, int], int | None], synthetic: bool) -> None:
    if not quantities:
        return
    same = (store_stock.c.store_id == bindparam("store")) & (store_stock.c.item_number == bindparam("number"))
    write.connection.execute(delete(store_stock).where(same), [{"store": s, "number": n} for s, n in quantities])
    stated = {"synthetic": synthetic, "change_number": write.change_number}
    rows = [
        {"store_id": store, "item_number": number, "quantity": quantity, **stated}
        for (store, number), quantity in quantities.items()
    ]
    write.connection.execute(insert(store_stock), rows)
