"""The facts of all items in columns: an item is an object only while somebody looks at it."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Codes, Mask, Rows
from recommender.catalogue_item import CatalogueItem
from recommender.ids import GroupId, ItemId, ItemNumber

TEXT_FACTS = ("id", "group", "department", "category", "type", "brand", "manufacturer", "size")
NUMBER_FACTS = ("price", "added_day", "min_age", "margin")
_TEXT_ATTRIBUTES = ("item_id", "group_id", "department", "category", "type", "brand", "manufacturer", "size")
_UNTRACKED = np.iinfo(np.int64).min  # stock that nobody counts
Kind = TypeVar("Kind", bound=np.generic)


class TextColumn:
    """A dictionary-coded text fact: a small integer per row, and the words that they stand for."""

    def __init__(self, words: Sequence[str | None] = (), like: "TextColumn | None" = None) -> None:
        """Code the words of rows 0 and on; in the dictionary of `like`, so that a word of both is held once."""
        self.words: list[str] = [] if like is None else like.words
        self._code_of: dict[str, int] = {} if like is None else like._code_of
        for word in dict.fromkeys(words):
            if word is not None and word not in self._code_of:
                self._add(word)
        codes = map(self._code_of.get, words, repeat(-1))  # pyright: ignore[reportArgumentType, reportCallIssue] - None has no code either
        self.codes: Codes = np.fromiter(codes, dtype=np.int32, count=len(words))

    def code_of(self, word: str) -> int:
        """The code of `word`, or -1 when no row has ever had it."""
        return self._code_of.get(word, -1)

    def set(self, row: int, word: str | None) -> None:
        """State the fact of one row; None: not known."""
        code = -1 if word is None else self._code_of.get(word)
        self.codes[row] = self._add(word) if code is None else code  # pyright: ignore[reportArgumentType]

    def word(self, row: int) -> str | None:
        """The word of one row; None: not known."""
        code = self.codes.item(row)
        return None if code < 0 else self.words[code]

    def _add(self, word: str) -> int:
        code = self._code_of[word] = len(self.words)
        self.words.append(word)
        return code


class LongTexts:
    """A text per row that few rows share: one behind the other as UTF-8, and apart those that changed since."""

    def __init__(self, texts: Sequence[str | None] = ()) -> None:
        encoded = [b"" if text is None else text.encode() for text in texts]
        self._bytes = b"".join(encoded)
        self._starts = np.zeros(len(texts) + 1, dtype=np.int64)
        np.cumsum(np.fromiter(map(len, encoded), dtype=np.int64, count=len(texts)), out=self._starts[1:])
        self._known: Mask = np.array([text is not None for text in texts], dtype=np.bool_)
        self._changed: dict[int, str | None] = {}

    def __getitem__(self, row: int) -> str | None:
        """The text of one row; None: not known."""
        if row in self._changed:
            return self._changed[row]
        if row >= len(self._known) or not self._known.item(row):
            return None
        return self._bytes[self._starts.item(row) : self._starts.item(row + 1)].decode()

    def set(self, row: int, text: str | None) -> None:
        """State the text of one row; None: not known."""
        if self[row] != text:
            self._changed[row] = text

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Bytes of the text of each row, before any change; 0 where there is none."""
        return np.diff(self._starts)


class ItemColumns:
    """All facts of items by item row; `columns[row]` is a new `CatalogueItem` each time. It loses no row.

    Attributes:
        text: by name of TEXT_FACTS. number: by name of NUMBER_FACTS, float64, NaN where unknown.
        numbers: of items.
        hidden: as the back office states it.
        long: titles and addresses, by the name that `CatalogueItem` has for them.
    """

    def __init__(self, column: Callable[[str], Sequence[Any]]) -> None:
        """Take columns one by one, in any order, by the name that `CatalogueItem` has for them."""
        ids = column("item_id")
        self._n = len(ids)
        self.text: dict[str, TextColumn] = {"id": TextColumn(ids)}
        if len(self.text["id"].words) < self._n:
            raise ValueError("an item is listed twice")
        self._row_of_word = array("i", range(self._n))  # -1 for a word that is no item's id
        # Where products have no variants, groups are named as their items are.
        self.text["group"] = TextColumn(column("group_id"), like=self.text["id"])
        for name in TEXT_FACTS[2:]:
            self.text[name] = TextColumn(column(name))
        self._currency = TextColumn(column("currency"))
        self.long = {name: LongTexts(column(name)) for name in ("title", "url", "image_url")}
        self.number = {name: np.array(column(name), dtype=np.float64) for name in NUMBER_FACTS}  # None becomes NaN
        stock = [_UNTRACKED if units is None else units for units in column("stock")]
        self._stock = np.array(stock, dtype=np.int64)
        self.numbers = np.array(column("item_number"), dtype=np.int64)
        self.hidden: Mask = np.array(column("hidden"), dtype=np.bool_)

    @classmethod
    def of(cls, items: Iterable[CatalogueItem]) -> "ItemColumns":
        """Row r is the r-th item. Raises ValueError where one comes twice."""
        listed = list(items)
        return cls(lambda name: list(map(attrgetter(name), listed)))

    def __len__(self) -> int:
        return self._n

    def __iter__(self) -> Iterator[CatalogueItem]:
        return map(self.__getitem__, range(self._n))

    def __getitem__(self, row: int) -> CatalogueItem:
        """The item of one row."""
        if not 0 <= row < self._n:
            raise IndexError(f"there are {self._n} items, and no row {row}")
        text, number, long = self.text, self.number, self.long
        price, margin = number["price"].item(row), number["margin"].item(row)
        return CatalogueItem(
            item_id=self.item_id(row),
            item_number=ItemNumber(self.numbers.item(row)),
            group_id=GroupId(text["group"].word(row) or ""),
            title=long["title"][row] or "",
            price=None if price != price else round(price),  # NaN is no equal of itself
            currency=self._currency.word(row) or "",
            added_day=number["added_day"].item(row),
            hidden=self.hidden.item(row),
            stock=self.stock(row),
            min_age=round(number["min_age"].item(row)),
            department=text["department"].word(row),
            category=text["category"].word(row),
            type=text["type"].word(row),
            brand=text["brand"].word(row),
            manufacturer=text["manufacturer"].word(row),
            size=text["size"].word(row),
            url=long["url"][row],
            image_url=long["image_url"][row],
            margin=None if margin != margin else margin,
        )

    @property
    def capacity(self) -> int:
        """How many rows there is room for."""
        return len(self.hidden)

    def item_id(self, row: int) -> ItemId:
        """The id of the item of one row."""
        ids = self.text["id"]
        return ItemId(ids.words[ids.codes.item(row)])

    def item_ids(self, rows: Rows) -> list[ItemId]:
        """The ids of the items of some rows, in their order."""
        ids = self.text["id"]
        words = ids.words
        return [ItemId(words[code]) for code in ids.codes[rows].tolist()]

    def row_of(self, item_id: str) -> int:
        """The row of an item, or -1 where there is none of this id."""
        code = self.text["id"].code_of(item_id)
        return -1 if code < 0 or code >= len(self._row_of_word) else self._row_of_word[code]

    def stock(self, row: int) -> int | None:
        """How many there are in the chain; None: nobody counts."""
        stock = self._stock.item(row)
        return None if stock == _UNTRACKED else stock

    def set_stock(self, row: int, stock: int | None) -> None:
        """State how many there are in the chain, and nothing else."""
        self._stock[row] = _UNTRACKED if stock is None else stock

    def in_stock(self) -> Mask:
        """Of each row, whether its stock is above 0, or not tracked."""
        return (self._stock > 0) | (self._stock == _UNTRACKED)

    def set(self, row: int, item: CatalogueItem) -> None:
        """State all facts of one row; the row after the last is a new item's, where there is room for it."""
        self._n = max(self._n, row + 1)
        for name, attribute in zip(TEXT_FACTS, _TEXT_ATTRIBUTES, strict=True):
            self.text[name].set(row, getattr(item, attribute))
        ids = self.text["id"]
        self._row_of_word.extend(repeat(-1, len(ids.words) - len(self._row_of_word)))
        self._row_of_word[ids.codes.item(row)] = row
        self._currency.set(row, item.currency)
        for name, texts in self.long.items():
            texts.set(row, getattr(item, name))
        for name, values in self.number.items():
            value = getattr(item, name)
            values[row] = np.nan if value is None else value
        self.set_stock(row, item.stock)
        self.numbers[row] = item.item_number
        self.hidden[row] = item.hidden

    def grow(self, extra: int) -> None:
        """Make room for more rows; arrays are others afterwards."""
        for column in (*self.text.values(), self._currency):
            column.codes = padded(column.codes, extra, fill=-1)
        for name, values in self.number.items():
            self.number[name] = padded(values, extra, fill=np.nan)
        self._stock = padded(self._stock, extra, fill=_UNTRACKED)
        self.numbers = padded(self.numbers, extra, fill=-1)
        self.hidden = padded(self.hidden, extra, fill=False)


def padded(values: NDArray[Kind], extra: int, *, fill: float) -> NDArray[Kind]:
    """The same with more rows behind, all of one value."""
    return np.concatenate([values, np.full(extra, fill, dtype=values.dtype)])
