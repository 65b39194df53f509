"""Catalogue items as rows: what is current, whether it lies in `items` or still in a large import."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, and_, case, false, select, update

from features.sql.tables.catalogue import ITEM_FACTS, imports, items, staged_items
from recommender.catalogue import CatalogueItem
from recommender.ids import GroupId, ItemId, ItemNumber

COLUMNS = ("item_number", "item_id", *ITEM_FACTS)
facts_of = attrgetter(*ITEM_FACTS)  # the values of an item in the order of ITEM_FACTS


@dataclass(frozen=True, slots=True)
class PendingImport:
    """A large import that counts already, but whose rows have not all been moved to `items`.

    Attributes:
        change_number: the change by which it became visible.
        facts: names of the columns that it states; of the others, `items` has the truth.
    """

    import_number: int
    change_number: int
    facts: tuple[str, ...]


def read_pending(connection: Connection) -> PendingImport | None:
    """The import whose rows are being moved; there is never more than one."""
    row = connection.execute(select(imports).where(imports.c.change_number.is_not(None))).one_or_none()
    return None if row is None else PendingImport(row.import_number, row.change_number, tuple(row.facts))


def current_items(connection: Connection) -> FromClause:
    """Something to select from, with the columns of `items`, that holds the truth of this transaction."""
    pending = read_pending(connection)
    return items if pending is None else _with_staged(pending)


def changed_items(connection: Connection, after: int) -> FromClause:
    """The same, but right only for the rows that changed after a change number; those it finds by an index.

    An import that counted by then need not be looked at: who writes to one of its rows moves that row first.
    """
    pending = read_pending(connection)
    return items if pending is None or pending.change_number <= after else _with_staged(pending)


def _with_staged(pending: PendingImport) -> FromClause:
    staged = staged_items.c
    is_staged = staged.item_number.is_not(None)
    stated = [case((is_staged, staged[name]), else_=items.c[name]).label(name) for name in pending.facts]
    return (
        select(
            *(items.c[name] for name in COLUMNS if name not in pending.facts),
            *stated,
            case((is_staged, false()), else_=items.c.deleted).label("deleted"),
            case((is_staged, pending.change_number), else_=items.c.change_number).label("change_number"),
        )
        .outerjoin(
            staged_items,
            and_(staged.item_number == items.c.item_number, staged.import_number == pending.import_number),
        )
        .subquery()
    )


def move_staged(connection: Connection, pending: PendingImport, where: ColumnElement[bool]) -> None:
    """Move those rows of the pending import to `items` of which a condition on `staged_items` holds."""
    mine = and_(staged_items.c.import_number == pending.import_number, where)
    stated = {name: staged_items.c[name] for name in pending.facts}
    connection.execute(
        update(items)
        .values(**stated, deleted=False, change_number=pending.change_number)
        .where(items.c.item_number == staged_items.c.item_number, mine)
    )
    connection.execute(staged_items.delete().where(mine))


def items_of(rows: Iterable[Sequence[Any]]) -> Iterator[CatalogueItem]:
    """Catalogue items from rows whose first columns are COLUMNS, in that order."""
    for number, item_id, group_id, *facts in rows:
        (title, price, currency, hidden, stock, min_age, department, category, kind, brand) = facts[:10]
        (manufacturer, size, url, image_url, added_day, margin) = facts[10:16]
        yield CatalogueItem(
            item_id=ItemId(item_id),
            item_number=ItemNumber(number),
            group_id=GroupId(group_id),
            title=title,
            price=price,
            currency=currency,
            added_day=added_day,
            hidden=hidden,
            stock=stock,
            min_age=min_age,
            department=department,
            category=category,
            type=kind,
            brand=brand,
            manufacturer=manufacturer,
            size=size,
            url=url,
            image_url=image_url,
            margin=margin,
        )
