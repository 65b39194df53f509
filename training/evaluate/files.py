"""Reading files of others, Parquet or CSV: rows of events, lists of items in order, beginnings of sessions."""

from pathlib import Path

import polars as pl

from training.evaluate.columns import Columns


def read_events(file: Path, option: str) -> pl.DataFrame:
    """Read rows of what shoppers did.

    In:  user_id, item_id; as far as there: event (`columns.KINDS`; without it each row is an order), occurred_at (an
         instant, an ISO 8601 text, or seconds, milli-, micro- or nanoseconds since 1970, told apart by their size),
         quantity, channel. Other columns are not looked at.
    Out: user_id, item_id, event str; day f64 (days since 1970-01-01 UTC; null throughout where the file has no times),
         quantity f64, channel str or null; in the order of the file.

    Args:
        option: what the caller calls the file, for errors.

    Raises:
        InvalidInput: no such file, no such column, or a row that cannot be read; names file, column and remedy.
    """
    table = Columns(file, option)
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
    table = Columns(file, option)
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
    table = Columns(file, option)
    if "items" in table.frame.columns:
        return table.lists("items")
    views = pl.DataFrame({"session": table.ids("session_id"), "items": table.ids("item_id"), "day": table.times()})
    views = views.sort("day", maintain_order=True)
    sessions = views.group_by("session", maintain_order=True).agg("items", end=pl.col("day").last())
    return sessions.sort("end", maintain_order=True)["items"]


def has_column(file: Path, option: str, name: str) -> bool:
    """Whether a file has a column; raises InvalidInput where it cannot be read."""
    return name in Columns(file, option).frame.columns


def read_prefixes(file: Path, option: str) -> pl.DataFrame:
    """Read beginnings of sessions and the item that came next.

    In:  prefix (as `items` of `read_lists`), target. Out: prefix list[str], not empty; target str.

    Raises:
        InvalidInput: as `read_events`.
    """
    table = Columns(file, option)
    return pl.DataFrame({"prefix": table.lists("prefix"), "target": table.ids("target")})
