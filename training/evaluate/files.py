"""Reading files of others, Parquet or CSV: rows of events, lists of items in order, beginnings of sessions."""

from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from features.events.schema import ORDER_COMPLETED, PRODUCT_ADDED, PRODUCT_VIEWED
from features.offline.purchases import day_of
from recommender.errors import InvalidInput

READABLE = (".parquet", ".csv")
DAY_SECONDS = 86_400
LATEST_SECOND = 1e11  # a number of seconds since 1970 above this one is of milliseconds
KINDS = {  # how files call what a shopper did, in small letters
    "order": ORDER_COMPLETED, "purchase": ORDER_COMPLETED, "buy": ORDER_COMPLETED, "order completed": ORDER_COMPLETED,
    "cart": PRODUCT_ADDED, "add": PRODUCT_ADDED, "product added": PRODUCT_ADDED,
    "view": PRODUCT_VIEWED, "click": PRODUCT_VIEWED, "product viewed": PRODUCT_VIEWED,
}  # fmt: skip


def read_events(file: Path, option: str) -> pl.DataFrame:
    """Read rows of what shoppers did.

    In:  user_id, item_id; as far as there: event (KINDS; without it each row is an order), occurred_at (an instant, an
         ISO 8601 text, or seconds or milliseconds since 1970), quantity, channel. Other columns are not looked at.
    Out: user_id, item_id, event str; day f64 (days since 1970-01-01 UTC; null throughout where the file has no times),
         quantity f64, channel str or null; in the order of the file.

    Args:
        option: what the caller calls the file, for errors.

    Raises:
        InvalidInput: no such file, no such column, or a row that cannot be read; names file, column and remedy.
    """
    table = _Table(file, option)
    return pl.DataFrame(
        {
            "user_id": table.ids("user_id"),
            "item_id": table.ids("item_id"),
            "event": table.kinds(),
            "day": table.days(),
            "quantity": table.quantities(),
            "channel": table.words("channel"),
        }
    )


def read_lists(file: Path, option: str) -> pl.DataFrame:
    """Read lists of items, each in the order in which things happened.

    In:  items (a list; in CSV a text with blanks between the ids) and, as far as there, user_id. Or rows as of
         `read_events` with occurred_at, of which each user's become a list.
    Out: user_id str (the number of the row from 0 where the file names nobody), items list[str], none of them empty; in
         the order of the file.

    Raises:
        InvalidInput: as `read_events`; a user has two lists.
    """
    table = _Table(file, option)
    if "items" not in table.frame.columns and {"user_id", "item_id", "occurred_at"} <= set(table.frame.columns):
        events = read_events(file, option).sort("day", maintain_order=True)
        return events.group_by("user_id", maintain_order=True).agg(items="item_id").sort("user_id")
    lists = table.lists("items")
    if "user_id" in table.frame.columns:
        users = table.ids("user_id")
        table.refuse("user_id", users.is_duplicated(), "has a second list", "Join the lists of a user.")
    else:
        users = pl.Series(range(len(lists))).cast(pl.String)
    return pl.DataFrame({"user_id": users, "items": lists})


def read_sessions(file: Path, option: str) -> pl.Series:
    """Read what was looked at in one session after the other.

    In:  items (as in `read_lists`; the oldest session comes first), or rows of session_id, item_id, occurred_at in any
         order, where a session is as old as its end.
    Out: list[str], the oldest session first.

    Raises:
        InvalidInput: as `read_events`.
    """
    table = _Table(file, option)
    if "items" in table.frame.columns:
        return table.lists("items")
    views = pl.DataFrame({"session": table.ids("session_id"), "items": table.ids("item_id"), "day": table.times()})
    views = views.sort("day", maintain_order=True)
    sessions = views.group_by("session", maintain_order=True).agg("items", end=pl.col("day").last())
    return sessions.sort("end", maintain_order=True)["items"]


def has_column(file: Path, option: str, name: str) -> bool:
    """Whether a file has a column; raises InvalidInput where it cannot be read."""
    return name in _Table(file, option).frame.columns


def read_prefixes(file: Path, option: str) -> pl.DataFrame:
    """Read beginnings of sessions and the item that came next.

    In:  prefix (as `items` of `read_lists`), target. Out: prefix list[str], not empty; target str.

    Raises:
        InvalidInput: as `read_events`.
    """
    table = _Table(file, option)
    return pl.DataFrame({"prefix": table.lists("prefix"), "target": table.ids("target")})


class _Table:
    """A file, its columns read as what they should be."""

    def __init__(self, file: Path, option: str) -> None:
        self._file, self._option = file, option
        self.frame = self._read()
        if self.frame.is_empty():
            raise self._invalid("has no rows", "Give a file with data.")

    def ids(self, name: str) -> pl.Series:
        """A column of ids as text; none is missing."""
        ids = self._column(name).cast(pl.String)
        self.refuse(name, ids.is_null() | (ids == ""), "is empty", "Leave the row out, or fill it.")
        return ids

    def lists(self, name: str) -> pl.Series:
        """A column of lists of ids; none is empty, no id is missing."""
        column = self._column(name)
        if column.dtype == pl.String():
            column = column.str.strip_chars().str.split(" ").list.eval(pl.element().filter(pl.element() != ""))
        if not isinstance(column.dtype, (pl.List, pl.Array)):
            message = f"column {name} holds {column.dtype}, and no lists"
            raise self._invalid(message, "Give a list an entry; in CSV, ids with blanks between them.")
        lists = column.cast(pl.List(pl.String))
        self.refuse(name, lists.is_null() | (lists.list.len() == 0), "is an empty list", "Leave the row out.")
        has_gap = lists.list.eval(pl.element().is_null()).list.any()
        self.refuse(name, has_gap, "lacks an id within its list", "Leave the empty entries out.")
        return lists

    def kinds(self) -> pl.Series:
        """What each row is, by its name in the event log."""
        if "event" not in self.frame.columns:
            return pl.repeat(ORDER_COMPLETED, len(self.frame), dtype=pl.String, eager=True)
        words = self._column("event").cast(pl.String).str.to_lowercase()
        kinds = words.replace_strict(KINDS, default=None, return_dtype=pl.String())
        self.refuse("event", kinds.is_null(), "is no event that is known here", f"Use one of {', '.join(KINDS)}.")
        return kinds

    def days(self) -> pl.Series:
        """Days since 1970-01-01 UTC; null throughout where the file has no times."""
        if "occurred_at" not in self.frame.columns:
            return pl.repeat(None, len(self.frame), dtype=pl.Float64(), eager=True)
        days = _days_of(self._column("occurred_at"))
        remedy = "Use an instant, an ISO 8601 text, or seconds since 1970."
        self.refuse("occurred_at", days.is_null() | days.is_nan(), "is no time", remedy)
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
        quantities = given.cast(pl.Float64, strict=False)
        wrong = (
            (given.is_not_null() & quantities.is_null()) | ~(quantities.fill_null(1.0) > 0) | quantities.is_infinite()
        )
        self.refuse("quantity", wrong, "is no number above 0", "Correct it, or leave it empty for 1.")
        return quantities.fill_null(1.0)

    def words(self, name: str) -> pl.Series:
        """A column of text that may be missing; null where nothing is said."""
        if name not in self.frame.columns:
            return pl.repeat(None, len(self.frame), dtype=pl.String(), eager=True)
        return self.frame[name].cast(pl.String)

    def refuse(self, name: str, wrong: pl.Series, why: str, remedy: str) -> None:
        """Raise InvalidInput where a row is wrong; names the first."""
        rows = wrong.fill_null(value=False).arg_true()
        if len(rows):
            row = int(rows[0])
            value = repr(self.frame[name][row])[:60]
            raise self._invalid(f"row {row + 1}, column {name}: {value} {why}", remedy)

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


def _days_of(times: pl.Series) -> pl.Series:
    """Instants of any type that `read_events` takes as days; null where one cannot be read."""
    named = times.alias("occurred_at").to_frame()
    if times.dtype == pl.String():
        if times.cast(pl.Float64, strict=False).is_not_null().all():
            return _days_of(times.cast(pl.Float64))
        texts = pl.col("occurred_at").str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
        named = named.select(texts)
    elif times.dtype.is_numeric():
        seconds = pl.col("occurred_at").cast(pl.Float64)
        in_seconds = pl.when(seconds > LATEST_SECOND).then(seconds / 1000).otherwise(seconds)
        return named.select(in_seconds / DAY_SECONDS).to_series()
    elif times.dtype == pl.Date() or (isinstance(times.dtype, pl.Datetime) and times.dtype.time_zone is None):
        named = named.select(pl.col("occurred_at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
    elif not isinstance(times.dtype, pl.Datetime):
        return pl.repeat(None, len(times), dtype=pl.Float64(), eager=True)
    return named.select(day_of("occurred_at")).to_series()
