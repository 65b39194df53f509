"""The catalogue as the decision sees it: one array per fact, by item row, kept current between two requests."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import EMPTY_ROWS, Mask, Rows
from recommender.catalogue_item import CatalogueItem
from recommender.ids import ItemId, ItemNumber, StoreId
from recommender.item_columns import NUMBER_FACTS, TEXT_FACTS, ItemColumns, TextColumn, padded
from recommender.kept import Kept

__all__ = ["NUMBER_FACTS", "TEXT_FACTS", "Catalogue", "CatalogueItem", "StoreStock", "TextColumn"]

KIND_FACTS = ("group", "department", "category", "type", "brand", "manufacturer")  # what each candidate is asked for
OPEN_FROM, PRICE = 6, 7  # columns of `Catalogue.cards` after the kinds
CARD_COLUMNS = 8  # two items share a cache line
NEVER = LARGEST = 2**31 - 1


class StoreStock:
    """What is sold out in one store, by row. An item that a store says nothing of is taken from the chain's stock."""

    def __init__(self) -> None:
        self.sold_out: set[int] = set()
        self._rows: Rows | None = EMPTY_ROWS

    @property
    def rows(self) -> Rows:
        """The same, ascending, as an array for masking; made anew by the first reader after a change."""
        if self._rows is None:
            self._rows = np.sort(np.fromiter(self.sold_out, dtype=np.int32, count=len(self.sold_out)))
        return self._rows

    def set(self, row: int, *, sold_out: bool) -> None:
        """State whether one row is sold out."""
        if sold_out:
            self.sold_out.add(row)
        else:
            self.sold_out.discard(row)
        self._rows = None


class Catalogue:
    """Facts of all items by item row: the artifact's rows first, then spare rows for what came since.

    It is changed only between two requests, by the one owner that replays catalogue changes; readers see plain arrays.
    `version` grows with each change that a decision can see, so that masks made from it can be kept until it moves.

    Attributes:
        items: the facts of every item; `items[row]` makes an object of them, so loops over many rows ask the columns.
        n_artifact: rows below this one belong to the artifact (they have embeddings, neighbours and so on).
        visible: not hidden, not deleted, and with a price.
        in_stock: chain-wide stock is above 0, or not tracked.
        pictured: has the address of a picture.
        stated_in: the version in which the facts of a row were last stated.
        cards: (capacity, CARD_COLUMNS) int32, what is asked of a candidate once more, so that it lies together: in
            column k the code of KIND_FACTS[k]; in OPEN_FROM the age in years from which it can be shown, NEVER if it
            is not visible or not in stock; in PRICE the minor units, -1 where unknown. `write_cards` keeps it.
        kept: what decisions worked out from this version of it.
        held: how many are at work that pause and must find it unchanged; changes wait for them.
    """

    def __init__(self, items: ItemColumns, spare: int) -> None:
        n = len(items)
        items.grow(max(n + spare - items.capacity, 0))
        self.version = 1
        self.items, self.n_artifact = items, n
        # As `items` has them: by name of TEXT_FACTS; and of NUMBER_FACTS, float64, NaN where unknown.
        self.text, self.number = items.text, items.number
        self.row_of_number: NDArray[np.int32] = np.full(int(items.numbers.max(initial=15)) + 1 + spare, -1, np.int32)
        self.row_of_number[items.numbers[:n]] = np.arange(n, dtype=np.int32)
        self.visible: Mask = ~items.hidden & ~np.isnan(items.number["price"])
        self.in_stock: Mask = items.in_stock()
        self.in_stock[n:] = False
        self.pictured: Mask = padded(items.long["image_url"].lengths > 0, items.capacity - n, fill=False)
        self.stated_in: NDArray[np.int64] = np.zeros(items.capacity, dtype=np.int64)
        self.cards: NDArray[np.int32] = np.empty((items.capacity, CARD_COLUMNS), dtype=np.int32)
        self.write_cards(slice(None))
        self.store_stock: dict[StoreId, StoreStock] = {}
        self.kept = Kept()
        self.held = 0

    @classmethod
    def of(cls, items: ItemColumns | Iterable[CatalogueItem], spare: int = 1024) -> "Catalogue":
        """Build from a snapshot; row r is the r-th item. `spare` rows are left for new items.

        Columns that nothing was changed in are taken over, not copied: they go on as the catalogue's.
        """
        return cls(items if isinstance(items, ItemColumns) else ItemColumns.of(items), spare)

    @property
    def n(self) -> int:
        """Rows in use; every array has at least that many entries."""
        return len(self.items)

    def row_of(self, item_id: str) -> int:
        """The row of an item, or -1 where the catalogue has none of this id."""
        return self.items.row_of(item_id)

    def upsert(self, item: CatalogueItem) -> int:
        """State all facts of one item; a new item takes the next row. Returns its row.

        A count of stock that leaves it in stock, or sold out, is no new version: shops state thousands an hour.
        """
        row = self.row_of(item.item_id)
        if row < 0:
            row = self._new_row(item.item_number)
        elif self._looks_the_same(row, item):
            self.items.set_stock(row, item.stock)
            return row
        self.items.set(row, item)
        self.visible[row] = _is_visible(item)
        self.in_stock[row] = _is_in_stock(item)
        self.pictured[row] = bool(item.image_url)
        self.write_cards(slice(row, row + 1))
        self.version += 1
        self.stated_in[row] = self.version
        return row

    def remove(self, item_id: ItemId) -> None:
        """Take an item out of every list; its row stays, so that histories still resolve."""
        row = self.row_of(item_id)
        if row >= 0:
            self.visible[row] = False
            self.write_cards(slice(row, row + 1))
            self.version += 1

    def set_store_stock(self, store_id: StoreId, item_id: ItemId, quantity: int | None) -> None:
        """State the stock of an item in one store, in units; None: the store says nothing (the chain's stock holds)."""
        self._set_store_stock(store_id, self.row_of(item_id), quantity)

    def set_store_stock_of_number(self, store_id: StoreId, item_number: ItemNumber, quantity: int | None) -> None:
        """The same for an item known by its number."""
        known = item_number < len(self.row_of_number)
        self._set_store_stock(store_id, int(self.row_of_number[item_number]) if known else -1, quantity)

    def is_sold_out_in(self, store_id: StoreId, item_id: str) -> bool:
        """Whether a store says that it has none left."""
        stock, row = self.store_stock.get(store_id), self.row_of(item_id)
        return stock is not None and row in stock.sold_out

    def write_cards(self, rows: slice) -> None:
        """Write the cards of `rows` anew, for whoever changes the other arrays."""
        for column, name in enumerate(KIND_FACTS):
            self.cards[rows, column] = self.text[name].codes[rows]
        shown = self.visible[rows] & self.in_stock[rows]
        self.cards[rows, OPEN_FROM] = np.where(shown, self.number["min_age"][rows], NEVER).clip(max=NEVER)
        self.cards[rows, PRICE] = np.nan_to_num(self.number["price"][rows], nan=-1.0).clip(max=LARGEST)

    def rows_of_numbers(self, numbers: NDArray[np.integer]) -> Rows:
        """Rows of item numbers; -1 where this catalogue has no such item."""
        known = (numbers >= 0) & (numbers < len(self.row_of_number))
        rows: Rows = np.full(len(numbers), -1, dtype=np.int32)
        rows[known] = self.row_of_number[numbers[known]]
        return rows

    def _set_store_stock(self, store_id: StoreId, row: int, quantity: int | None) -> None:
        if row >= 0:
            stock = self.store_stock.setdefault(store_id, StoreStock())
            sold_out = quantity is not None and quantity <= 0
            if (row in stock.sold_out) != sold_out:
                stock.set(row, sold_out=sold_out)
                self.version += 1

    def _looks_the_same(self, row: int, item: CatalogueItem) -> bool:
        """Whether nothing is new but how many there are of it."""
        return (
            self.visible.item(row) == _is_visible(item)
            and self.in_stock.item(row) == _is_in_stock(item)
            and self.items[row] == replace(item, stock=self.items.stock(row))
        )

    def _new_row(self, item_number: ItemNumber) -> int:
        row = self.n
        if row >= len(self.visible):
            self._grow(max(1024, row // 4))
        if item_number >= len(self.row_of_number):
            self.row_of_number = padded(
                self.row_of_number, max(len(self.row_of_number), item_number + 1 - len(self.row_of_number)), fill=-1
            )
        self.row_of_number[item_number] = row
        return row

    def _grow(self, extra: int) -> None:
        self.items.grow(extra)
        self.visible, self.in_stock, self.pictured = (
            padded(mask, extra, fill=False) for mask in (self.visible, self.in_stock, self.pictured)
        )
        self.stated_in = padded(self.stated_in, extra, fill=0)
        self.cards = np.concatenate([self.cards, np.empty((extra, CARD_COLUMNS), dtype=np.int32)])
        self.write_cards(slice(-extra, None))


def _is_visible(item: CatalogueItem) -> bool:
    return not item.hidden and item.price is not None


def _is_in_stock(item: CatalogueItem) -> bool:
    return item.stock is None or item.stock > 0
