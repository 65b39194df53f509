"""The catalogue as the decision sees it: one array per fact, by item row, kept current between two requests."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import attrgetter
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import EMPTY_ROWS, Codes, Mask, Rows
from recommender.ids import GroupId, ItemId, ItemNumber, StoreId
from recommender.kept import Kept

TEXT_FACTS = ("id", "group", "department", "category", "type", "brand", "manufacturer", "size")
KIND_FACTS = ("group", "department", "category", "type", "brand", "manufacturer")  # what each candidate is asked for
OPEN_FROM, PRICE = 6, 7  # columns of `Catalogue.cards` after the kinds
CARD_COLUMNS = 8  # two items share a cache line
NEVER = LARGEST = 2**31 - 1
NUMBER_FACTS = ("price", "added_day", "min_age", "margin")
_TEXT_ATTRIBUTES = ("item_id", "group_id", "department", "category", "type", "brand", "manufacturer", "size")


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """One item that the shop sells, as the back office states it.

    `price` is in minor units, None while unknown; `stock` is chain-wide in units, None when it is not tracked (then it
    counts as in stock); `added_day` is in days since 1970-01-01 UTC; `margin` is the share of the price that stays with
    the shop, in [-1, 1], None where it is not stated.
    """

    item_id: ItemId
    item_number: ItemNumber
    group_id: GroupId
    title: str
    price: int | None
    currency: str
    added_day: float
    hidden: bool = False
    stock: int | None = None
    min_age: int = 0
    department: str | None = None
    category: str | None = None
    type: str | None = None
    brand: str | None = None
    manufacturer: str | None = None
    size: str | None = None
    url: str | None = None
    image_url: str | None = None
    margin: float | None = None


class TextColumn:
    """A dictionary-coded text fact: a small integer per row, and the words that they stand for."""

    def __init__(self, capacity: int) -> None:
        self.codes: Codes = np.full(capacity, -1, dtype=np.int32)
        self.words: list[str] = []
        self._code_of: dict[str, int] = {}

    @classmethod
    def of(cls, words: Sequence[str | None], spare: int) -> "TextColumn":
        """Code the words of rows 0 and on; `spare` more rows are not known."""
        column = cls(0)
        column.words = [word for word in dict.fromkeys(words) if word is not None]
        column._code_of = {word: code for code, word in enumerate(column.words)}
        codes = np.fromiter(map(column._code_of.get, words, repeat(-1)), dtype=np.int32, count=len(words))  # pyright: ignore[reportArgumentType, reportCallIssue]
        column.codes = _padded(codes, spare, fill=-1)
        return column

    def code_of(self, word: str) -> int:
        """The code of `word`, or -1 when no row has ever had it."""
        return self._code_of.get(word, -1)

    def set(self, row: int, word: str | None) -> None:
        """State the fact of one row; None: not known."""
        if word is None:
            self.codes[row] = -1
            return
        code = self._code_of.get(word)
        if code is None:
            code = len(self.words)
            self.words.append(word)
            self._code_of[word] = code
        self.codes[row] = code

    def word(self, row: int) -> str | None:
        """The word of one row; None: not known."""
        code = int(self.codes[row])
        return None if code < 0 else self.words[code]


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
    `version` grows with each change, so that masks made from it can be kept until it moves.

    Attributes:
        n: rows in use; every array has at least that many entries.
        n_artifact: rows below this one belong to the artifact (they have embeddings, neighbours and so on).
        visible: not hidden, not deleted, and with a price.
        in_stock: chain-wide stock is above 0, or not tracked.
        pictured: has the address of a picture.
        text: by name of TEXT_FACTS. number: by name of NUMBER_FACTS, float64, NaN where unknown.
        cards: (capacity, CARD_COLUMNS) int32, what is asked of a candidate once more, so that it lies together: in
            column k the code of KIND_FACTS[k]; in OPEN_FROM the age in years from which it can be shown, NEVER if it
            is not visible or not in stock; in PRICE the minor units, -1 where unknown. `write_cards` keeps it.
        kept: what decisions worked out from this version of it.
        held: how many are at work that pause and must find it unchanged; changes wait for them.
    """

    def __init__(self, capacity: int) -> None:
        self.version = 0
        self.n = 0
        self.n_artifact = 0
        self.items: list[CatalogueItem] = []
        self.row_of: dict[str, int] = {}
        self.row_of_number: NDArray[np.int32] = np.full(max(capacity, 16), -1, dtype=np.int32)
        self.visible: Mask = np.zeros(capacity, dtype=np.bool_)
        self.in_stock: Mask = np.zeros(capacity, dtype=np.bool_)
        self.pictured: Mask = np.zeros(capacity, dtype=np.bool_)
        self.text: dict[str, TextColumn] = {name: TextColumn(capacity) for name in TEXT_FACTS}
        self.number: dict[str, NDArray[np.float64]] = {name: np.full(capacity, np.nan) for name in NUMBER_FACTS}
        self.cards: NDArray[np.int32] = np.empty((capacity, CARD_COLUMNS), dtype=np.int32)
        self.write_cards(slice(None))
        self.store_stock: dict[StoreId, StoreStock] = {}
        self.kept = Kept()
        self.held = 0

    @classmethod
    def of(cls, items: Iterable[CatalogueItem], spare: int = 1024) -> "Catalogue":
        """Build from the artifact's snapshot; row r is the r-th item. `spare` rows are left for new items."""
        catalogue = cls(0)
        catalogue._fill(list(items), spare)
        return catalogue

    def upsert(self, item: CatalogueItem) -> int:
        """State all facts of one item; a new item takes the next row. Returns its row."""
        row = self.row_of.get(item.item_id)
        if row is None:
            row = self._new_row(item)
        self.items[row] = item
        self.visible[row] = not item.hidden and item.price is not None
        self.in_stock[row] = item.stock is None or item.stock > 0
        self.pictured[row] = bool(item.image_url)
        for name, attribute in zip(TEXT_FACTS, _TEXT_ATTRIBUTES, strict=True):
            self.text[name].set(row, getattr(item, attribute))
        self.number["price"][row] = np.nan if item.price is None else item.price
        self.number["added_day"][row] = item.added_day
        self.number["min_age"][row] = item.min_age
        self.number["margin"][row] = np.nan if item.margin is None else item.margin
        self.write_cards(slice(row, row + 1))
        self.version += 1
        return row

    def remove(self, item_id: ItemId) -> None:
        """Take an item out of every list; its row stays, so that histories still resolve."""
        row = self.row_of.get(item_id)
        if row is not None:
            self.visible[row] = False
            self.write_cards(slice(row, row + 1))
            self.version += 1

    def set_store_stock(self, store_id: StoreId, item_id: ItemId, quantity: int | None) -> None:
        """State the stock of an item in one store, in units; None: the store says nothing (the chain's stock holds)."""
        self._set_store_stock(store_id, self.row_of.get(item_id, -1), quantity)

    def set_store_stock_of_number(self, store_id: StoreId, item_number: ItemNumber, quantity: int | None) -> None:
        """The same for an item known by its number."""
        known = item_number < len(self.row_of_number)
        self._set_store_stock(store_id, int(self.row_of_number[item_number]) if known else -1, quantity)

    def is_sold_out_in(self, store_id: StoreId, item_id: str) -> bool:
        """Whether a store says that it has none left."""
        stock, row = self.store_stock.get(store_id), self.row_of.get(item_id)
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

    def _fill(self, listed: list[CatalogueItem], spare: int) -> None:
        """Take all items at once, into a catalogue that has none: column by column, many times faster than by row."""
        n = len(listed)
        self.items, self.n, self.n_artifact, self.version = listed, n, n, 1
        self.row_of = {item.item_id: row for row, item in enumerate(listed)}
        if len(self.row_of) < n:
            raise ValueError("an item is listed twice")
        numbers = np.array([item.item_number for item in listed], dtype=np.int64)
        self.row_of_number = np.full(int(numbers.max(initial=15)) + 1 + spare, -1, dtype=np.int32)
        self.row_of_number[numbers] = np.arange(n, dtype=np.int32)
        hidden = np.array([item.hidden for item in listed], dtype=np.bool_)
        prices = np.array([item.price for item in listed], dtype=np.float64)  # None becomes NaN
        stock = np.array([1 if item.stock is None else item.stock for item in listed], dtype=np.int64)
        self.visible = _padded(~hidden & ~np.isnan(prices), spare, fill=False)
        self.in_stock = _padded(stock > 0, spare, fill=False)
        self.pictured = _padded(np.array([bool(item.image_url) for item in listed], dtype=np.bool_), spare, fill=False)
        self.number = {
            "price": _padded(prices, spare, fill=np.nan),
            "added_day": _padded(np.array([item.added_day for item in listed], dtype=np.float64), spare, fill=np.nan),
            "min_age": _padded(np.array([item.min_age for item in listed], dtype=np.float64), spare, fill=np.nan),
            "margin": _padded(np.array([item.margin for item in listed], dtype=np.float64), spare, fill=np.nan),
        }
        for name, attribute in zip(TEXT_FACTS, _TEXT_ATTRIBUTES, strict=True):
            self.text[name] = TextColumn.of(list(map(attrgetter(attribute), listed)), spare)
        self.cards = np.empty((n + spare, CARD_COLUMNS), dtype=np.int32)
        self.write_cards(slice(None))

    def _set_store_stock(self, store_id: StoreId, row: int, quantity: int | None) -> None:
        if row >= 0:
            stock = self.store_stock.setdefault(store_id, StoreStock())
            stock.set(row, sold_out=quantity is not None and quantity <= 0)
            self.version += 1

    def _new_row(self, item: CatalogueItem) -> int:
        row = self.n
        if row >= len(self.visible):
            self._grow()
        self.n += 1
        self.items.append(item)
        self.row_of[item.item_id] = row
        if item.item_number >= len(self.row_of_number):
            grown = np.full(max(2 * len(self.row_of_number), item.item_number + 1), -1, dtype=np.int32)
            grown[: len(self.row_of_number)] = self.row_of_number
            self.row_of_number = grown
        self.row_of_number[item.item_number] = row
        return row

    def _grow(self) -> None:
        extra = max(1024, len(self.visible) // 4)
        self.visible = np.concatenate([self.visible, np.zeros(extra, dtype=np.bool_)])
        self.in_stock = np.concatenate([self.in_stock, np.zeros(extra, dtype=np.bool_)])
        self.pictured = np.concatenate([self.pictured, np.zeros(extra, dtype=np.bool_)])
        for column in self.text.values():
            column.codes = np.concatenate([column.codes, np.full(extra, -1, dtype=np.int32)])
        for name, values in self.number.items():
            self.number[name] = np.concatenate([values, np.full(extra, np.nan)])
        self.cards = np.concatenate([self.cards, np.empty((extra, CARD_COLUMNS), dtype=np.int32)])
        self.write_cards(slice(-extra, None))


Kind = TypeVar("Kind", bound=np.generic)


def _padded(values: NDArray[Kind], spare: int, *, fill: float) -> NDArray[Kind]:
    return np.concatenate([values, np.full(spare, fill, dtype=values.dtype)])
