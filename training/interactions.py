"""What training may learn from: real purchases and touches of consenting shoppers, read once from the event log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import polars as pl

from features.events.schema import ORDER_COMPLETED, PRODUCT_ADDED, PRODUCT_VIEWED, TAKES_BACK
from features.identity import USER_ID
from features.offline.people import PERSONS, of_persons
from features.offline.purchases import day_of, read_purchases
from recommender.catalogue import CatalogueItem
from recommender.errors import NotEnoughData
from recommender.ids import UserId
from training.permitted import ALLOWING, Permissions

TOUCH_EVENTS = (PRODUCT_VIEWED, PRODUCT_ADDED)
IDS = ("user_id", "order_id", "store_id")
LINES_AT_ONCE = 1_000_000

_EVENTS = pl.Enum(sorted({ORDER_COMPLETED, *TOUCH_EVENTS, *TAKES_BACK}))
UNDOES_AN_ORDER = pl.col("event").is_in(TAKES_BACK)  # it needs no permission: without the order it does nothing


@dataclass(frozen=True, slots=True)
class Interactions:
    """Everything up to the end of the data, not yet cut.

    Ids are enumerations of texts in ascending order, which take 4 bytes a row; those of both frames alike.

    Attributes:
        purchases: one row per order and item, by (day, user_id, order_id, item): user_id, order_id, item i32 (position
            in the catalogue list), store_id, day f64, quantity f64, taken_back_day f64.
        touches: one row per view or addition, by day: user_id, item i32, event, day f64.
        left_out: rows of known users that may not be learnt from, by the gate's verdict.
        aliases: other user ids of the same people, with the one that stands for them above.
    """

    purchases: pl.DataFrame
    touches: pl.DataFrame
    left_out: Mapping[str, int]
    aliases: Mapping[UserId, UserId]

    @property
    def rows_without_consent(self) -> int:
        """All rows that were left out."""
        return sum(self.left_out.values())

    @property
    def first_day(self) -> float:
        """Day of the first purchase."""
        return _number(self.purchases["day"].min())

    @property
    def end_day(self) -> float:
        """One microsecond after the last interaction: the cut that has seen everything."""
        days = [frame["day"].max() for frame in (self.purchases, self.touches) if len(frame)]
        return max(_number(day) for day in days) + 1e-6 / 86_400

    def fingerprint(self) -> str:
        """Hash of all rows: the same interactions give the same one."""
        digest = sha256()
        aliases = pl.DataFrame({"user_id": list(self.aliases), "of": list(self.aliases.values())})
        for frame in (self.purchases, self.touches, aliases.cast(pl.String())):
            for column in frame.iter_columns():
                digest.update(f"{column.name} {len(column)}".encode())
                digest.update(_bytes_of(column))
        return digest.hexdigest()


def read_interactions(
    events: pl.LazyFrame,
    items: Sequence[CatalogueItem],
    permissions: Permissions,
    until_day: float | None,
    persons: pl.DataFrame | None = None,
    lines_at_once: int = LINES_AT_ONCE,
) -> Interactions:
    """Read what shoppers did with known items, as far as `permissions` allow to learn from it.

    Args:
        events: the columns of EVENT_COLUMNS, no synthetic rows; any order.
        items: the catalogue; positions in it become the column `item`.
        persons: who is behind which identifier, as `of_persons` takes it; None: each user id is a person.
        until_day: only what happened before this day, days since 1970-01-01 UTC; None: everything.
        lines_at_once: lines of orders, on average, that are put together to purchases, which bounds memory.

    Raises:
        NotEnoughData: no purchase is left.
    """
    if until_day is not None:
        events = events.filter(day_of("occurred_at") < until_day)
    persons = pl.DataFrame(schema=PERSONS) if persons is None else persons
    judged = permissions.judge(of_persons(events, persons).filter(pl.col("user_id").is_not_null() & ~UNDOES_AN_ORDER))
    allowed = pl.col("verdict").is_in(ALLOWING)
    left_out = judged.filter(~allowed).group_by("verdict").len().sort("verdict").collect(engine="streaming")
    counts = dict(left_out.iter_rows())
    # Beside the other, one would have to wait, and what was read for it with it.
    rows = _numbered(judged.filter(allowed), pl.Enum([item.item_id for item in items])).collect(engine="streaming")
    for name in IDS:
        rows = rows.with_columns(_ascending(rows[name]))
    touched = _touches(rows.lazy()).sort("day", "user_id", "item", "event").collect()
    bought = _purchases(rows, _undone(events, rows.schema).collect(engine="streaming"), lines_at_once)
    del rows
    if bought.is_empty():
        raise _no_purchases(sum(counts.values()))
    bought = bought.sort("day", "user_id", "order_id", "item")
    known = pl.concat([bought["user_id"], touched["user_id"]]).unique().cast(pl.String())
    of_known = persons.join(known.to_frame("person"), on="person", how="semi")
    return Interactions(bought, touched, counts, _aliases(of_known, permissions))


def _numbered(permitted: pl.LazyFrame, item_ids: pl.Enum) -> pl.LazyFrame:
    """Orders and touches of items of the catalogue, their ids as numbers of 4 bytes, in no order."""
    order = pl.when(pl.col("event") == ORDER_COMPLETED).then(pl.coalesce("order_id", "event_id"))
    ids = {"user_id": pl.col("user_id"), "order_id": order, "store_id": pl.col("store_id")}
    return (
        permitted.filter(pl.col("event").is_in([ORDER_COMPLETED, *TOUCH_EVENTS]))
        .select(
            pl.col("event").cast(_EVENTS),
            *(value.cast(pl.Categorical(pl.Categories.random())).alias(name) for name, value in ids.items()),
            pl.col("item_id").cast(item_ids, strict=False),
            "quantity",
            "occurred_at",
        )
        .filter(pl.col("item_id").is_not_null())
    )


def _ascending(ids: pl.Series) -> pl.Series:
    """Numbered ids as an enumeration of them; a cast would go by their texts, row by row."""
    found = ids.unique().drop_nulls()
    texts = found.cast(pl.String())
    order = texts.arg_sort()
    numbers = found.to_physical().gather(order).to_numpy()
    place = np.zeros(int(numbers.max(initial=0)) + 1, dtype=np.uint32)
    place[numbers] = np.arange(len(numbers), dtype=np.uint32)
    return pl.Series(ids.name, place).gather(ids.to_physical()).cat.to(pl.Enum(texts.gather(order)))


def _undone(events: pl.LazyFrame, schema: pl.Schema) -> pl.LazyFrame:
    """What takes back these orders, or items of them."""
    ids = {name: pl.col(name).cast(schema[name], strict=False) for name in ("order_id", "item_id")}
    of_items = pl.col("item_id").is_null() | ids["item_id"].is_not_null()
    return events.filter(UNDOES_AN_ORDER & of_items).select(
        pl.col("event").cast(_EVENTS), "quantity", "occurred_at", **ids
    )


def _purchases(rows: pl.DataFrame, undone: pl.DataFrame, lines_at_once: int) -> pl.DataFrame:
    """What was bought, in no order; put together for some shoppers at a time."""
    user = pl.col("user_id").to_physical()
    n_users = rows["user_id"].n_unique()
    at_once = max(n_users * lines_at_once // max(len(rows), 1), 1)
    parts = list[pl.DataFrame]()
    for first in range(0, max(n_users, 1), at_once):
        part = rows.filter(user.is_between(first, first + at_once, closed="left"))
        events = pl.concat([part, undone], how="diagonal").with_columns(event_id="order_id")
        parts.append(_of_items(read_purchases(events.lazy())).collect())
    return pl.concat(parts)


def _of_items(rows: pl.LazyFrame) -> pl.LazyFrame:
    """The same with the position of the item in the catalogue in place of its id."""
    return rows.with_columns(item=pl.col("item_id").to_physical().cast(pl.Int32)).drop("item_id")


def _aliases(persons: pl.DataFrame, permissions: Permissions) -> Mapping[UserId, UserId]:
    """Other user ids of the people who were learnt from, where they have the same answer."""
    answers = permissions.answers
    others = persons.filter((pl.col("kind") == USER_ID) & (pl.col("value") != pl.col("person"))).sort("value")
    return {
        UserId(user): UserId(person)
        for user, person in others.select("value", "person").iter_rows()
        if answers.get((USER_ID, user)) == answers.get((USER_ID, person))
        and not permissions.is_blocked((USER_ID, user))
    }


def _touches(rows: pl.LazyFrame) -> pl.LazyFrame:
    shown = rows.filter(pl.col("event").is_in(TOUCH_EVENTS))
    return _of_items(shown.select("user_id", "item_id", "event", day=day_of("occurred_at")))


def _bytes_of(column: pl.Series) -> bytes:
    if isinstance(column.dtype, pl.Enum):
        return _bytes_of(column.dtype.categories) + column.to_physical().to_numpy().tobytes()
    if column.dtype == pl.String():
        return "\0".join(column.fill_null("").to_list()).encode()
    return column.to_numpy().tobytes()


def _number(value: object) -> float:
    if not isinstance(value, (int, float)):
        raise TypeError(f"a day must be a number, got {value!r}")
    return float(value)


def _no_purchases(without_consent: int) -> NotEnoughData:
    if without_consent:
        return NotEnoughData(
            f"No purchase to learn from: {without_consent} rows belong to shoppers without personalisation consent "
            "or to unknown items.",
            remedy="Import the consents and the catalogue that belong to the events, then train again.",
        )
    return NotEnoughData(
        "The event log has no purchase of a known shopper and a catalogue item.",
        remedy="Bring purchases with `recommender import events FILE`, or `recommender prepare complete-journey`.",
    )
