"""Columns of a file of others, read as what they should be, or refused with file, row, column and remedy."""

from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from features.events.schema import ORDER_COMPLETED, PRODUCT_ADDED, PRODUCT_VIEWED
from features.offline.purchases import day_of
from recommender.errors import InvalidInput

READABLE = (".parquet", ".csv")
DAY_SECONDS = 86_400
FIRST_DAY, LAST_DAY = -25_567.0, 84_006.0  # 1900-01-01 and 2200-01-01: what lies outside is taken for a mistake
LATEST_SECOND = 1e11  # a larger number since 1970 is of milliseconds; one a thousand times as large of microseconds
KINDS = {  # how files call what a shopper did, in small letters
    "order": ORDER_COMPLETED, "purchase": ORDER_COMPLETED, "buy": ORDER_COMPLETED, "order completed": ORDER_COMPLETED,
    "cart": PRODUCT_ADDED, "add": PRODUCT_ADDED, "product added": PRODUCT_ADDED,
    "view": PRODUCT_VIEWED, "click": PRODUCT_VIEWED, "product viewed": PRODUCT_VIEWED,
}  # fmt: skip


class Columns:
    """A file, its columns read as what they should be."""

    def __init__(self, file: Path, option: str) -> None:
        self._file, self._option = file, option
        self.frame = self._read()
        if self.frame.is_empty():
            raise self._invalid("has no rows", "Give a file with data.")

    def ids(self, name: str) -> pl.Series:
        """A column of ids as text; none is missing."""
        ids = self._texts(name)
        self.refuse(name, ids.is_null() | (ids == ""), "is no id", "Leave the row out, or fill it.")
        return ids

    def lists(self, name: str) -> pl.Series:
        """A column of lists of ids; none is empty, no id is missing."""
        column = self._column(name)
        if column.dtype == pl.String():
            column = column.str.strip_chars().str.split(" ").list.eval(pl.element().filter(pl.element() != ""))
        if not isinstance(column.dtype, (pl.List, pl.Array)):
            message = f"column {name} holds {column.dtype}, and no lists"
            raise self._invalid(message, "Give a list an entry; in CSV, ids with blanks between them.")
        inner = column.head(0).explode().dtype
        if not _is_plain(inner):
            raise self._invalid(f"column {name} holds lists of {inner}", "Give lists of ids.")
        lists = self._select(name, column.cast(pl.List(inner)), pl.col(name).list.eval(_text(pl.element(), inner)))
        self.refuse(name, lists.is_null() | (lists.list.len() == 0), "is an empty list", "Leave the row out.")
        has_gap = lists.list.eval(pl.element().is_null() | (pl.element() == "")).list.any()
        self.refuse(name, has_gap, "lacks an id within its list", "Leave the empty entries out.")
        return lists

    def kinds(self) -> pl.Series:
        """What each row is, by its name in the event log."""
        if "event" not in self.frame.columns:
            return pl.repeat(ORDER_COMPLETED, len(self.frame), dtype=pl.String, eager=True)
        words = self._texts("event").str.to_lowercase()
        kinds = words.replace_strict(KINDS, default=None, return_dtype=pl.String())
        self.refuse("event", kinds.is_null(), "is no event that is known here", f"Use one of {', '.join(KINDS)}.")
        return kinds

    def days(self) -> pl.Series:
        """Days since 1970-01-01 UTC; null throughout where the file has no times."""
        if "occurred_at" not in self.frame.columns:
            return pl.repeat(None, len(self.frame), dtype=pl.Float64(), eager=True)
        days = _days_of(self._column("occurred_at"))
        remedy = "Use an instant, an ISO 8601 text (all of one form), or seconds since 1970."
        wrong = ~days.is_between(FIRST_DAY, LAST_DAY).fill_null(value=False)
        self.refuse("occurred_at", wrong, "is no time between 1900 and 2200", remedy)
        return days

    def times(self) -> pl.Series:
        """Days since 1970-01-01 UTC; raises InvalidInput where the file has no times."""
        self._column("occurred_at")
        return self.days()

    def quantities(self) -> pl.Series:
        """Units; 1 where nothing is said."""
        if "quantity" not in self.frame.columns:
            return pl.repeat(1.0, len(self.frame), dtype=pl.Float64(), eager=True)
        given = self._column("quantity")
        numbers = given if given.dtype.is_numeric() else self._texts("quantity")
        quantities = numbers.cast(pl.Float64, strict=False)
        units = quantities.fill_null(1.0)
        wrong = (given.is_not_null() & quantities.is_null()) | ~((units > 0) & units.is_finite())
        self.refuse("quantity", wrong, "is no number above 0", "Correct it, or leave it empty for 1.")
        return units

    def words(self, name: str) -> pl.Series:
        """A column of text that may be missing; null where nothing is said."""
        if name not in self.frame.columns:
            return pl.repeat(None, len(self.frame), dtype=pl.String(), eager=True)
        words = self._texts(name)
        self.refuse(
            name, words.is_null() & self.frame[name].is_not_null(), "is no text", "Correct it, or leave it empty."
        )
        return words

    def refuse(self, name: str, wrong: pl.Series, why: str, remedy: str) -> None:
        """Raise InvalidInput where a row is wrong; names the first."""
        rows = wrong.fill_null(value=False).arg_true()
        if len(rows):
            row = int(rows[0])
            value = repr(self.frame[name].slice(row, 1).to_list()[0])[:60]
            raise self._invalid(f"row {row + 1}, column {name}: {value} {why}", remedy)

    def _texts(self, name: str) -> pl.Series:
        """A column as text; null where there is none, or no finite number."""
        column = self._column(name)
        if not _is_plain(column.dtype):
            raise self._invalid(f"column {name} holds {column.dtype}", "Give text or numbers.")
        return self._select(name, column, _text(pl.col(name), column.dtype))

    def _select(self, name: str, column: pl.Series, wanted: pl.Expr) -> pl.Series:
        try:
            return column.to_frame().select(wanted).to_series()
        except PolarsError as error:
            raise self._invalid(f"column {name} holds bytes that are no text", "Write text, in UTF-8.") from error

    def _column(self, name: str) -> pl.Series:
        if name not in self.frame.columns:
            found = ", ".join(self.frame.columns)
            raise self._invalid(f"has no column {name}; it has {found}", f"Name the column {name}.")
        return self.frame[name]

    def _read(self) -> pl.DataFrame:
        if not self._file.is_file():
            raise self._invalid("is no file", "Check the path.")
        try:
            if self._file.suffix.lower() == ".parquet":
                return pl.read_parquet(self._file, glob=False)
            if self._file.suffix.lower() == ".csv":
                return pl.read_csv(self._file, infer_schema=False, glob=False)
        except (PolarsError, OSError) as error:
            raise self._invalid(f"cannot be read: {error}", "Write it anew.") from error
        raise self._invalid(f"is none of {', '.join(READABLE)}", "Convert it, or rename it.")

    def _invalid(self, problem: str, remedy: str) -> InvalidInput:
        return InvalidInput(f"{self._file} {problem}.", field=self._option, remedy=remedy)


def _is_plain(dtype: pl.DataType) -> bool:
    """Whether a value of this type is one text or number."""
    texts = (pl.String, pl.Binary, pl.Categorical, pl.Enum, pl.Boolean, pl.Null)
    return dtype.is_numeric() or isinstance(dtype, texts)


def _text(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A plain value as text; null what is no finite number. Bytes that are no UTF-8 raise PolarsError."""
    there = pl.when(value.is_finite()).then(value) if dtype.is_float() else value
    return there.cast(pl.String, strict=False)


def _days_of(times: pl.Series) -> pl.Series:
    """Instants of any type that `read_events` takes as days; null where one cannot be read."""
    named = times.alias("occurred_at").to_frame()
    if times.dtype == pl.String():
        numbers = _days_of(times.cast(pl.Float64, strict=False))
        named = named.select(pl.col("occurred_at").str.to_datetime(time_unit="us", time_zone="UTC", strict=False))
        return numbers.fill_null(named.select(day_of("occurred_at")).to_series())
    if times.dtype.is_numeric():
        return named.select(_seconds_of(pl.col("occurred_at").cast(pl.Float64)) / DAY_SECONDS).to_series()
    if times.dtype == pl.Date() or (isinstance(times.dtype, pl.Datetime) and times.dtype.time_zone is None):
        named = named.select(pl.col("occurred_at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
    elif not isinstance(times.dtype, pl.Datetime):
        return pl.repeat(None, len(times), dtype=pl.Float64(), eager=True)
    return named.select(day_of("occurred_at")).to_series()


def _seconds_of(number: pl.Expr) -> pl.Expr:
    """Seconds since 1970 out of those, or thousandths, millionths or billionths of them."""
    size, seconds = number.abs(), number
    for unit in (1e3, 1e6, 1e9):
        seconds = pl.when(size > LATEST_SECOND * unit / 1e3).then(number / unit).otherwise(seconds)
    return seconds
