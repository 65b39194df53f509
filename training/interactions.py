"""What training may learn from: real purchases and touches of consenting shoppers, read once from the event log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

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

_ORDER = pl.when(pl.col("event") == ORDER_COMPLETED).then(pl.coalesce("order_id", "event_id")).otherwise("order_id")
UNDOES_AN_ORDER = pl.col("event").is_in(TAKES_BACK)  # it needs no permission: without the order it does nothing


@dataclass(frozen=True, slots=True)
class Interactions:
    """Everything up to the end of the data, not yet cut.

    Ids are text, or an enumeration of texts in ascending order, which takes 4 bytes a row; those of both frames alike.

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
) -> Interactions:
    """Read what shoppers did with known items, as far as `permissions` allow to learn from it.

    Args:
        events: the columns of EVENT_COLUMNS, no synthetic rows; any order.
        items: the catalogue; positions in it become the column `item`.
        persons: who is behind which identifier, as `of_persons` takes it; None: each user id is a person.
        until_day: only what happened before this day, days since 1970-01-01 UTC; None: everything.

    Raises:
        NotEnoughData: no purchase is left.
    """
    if until_day is not None:
        events = events.filter(day_of("occurred_at") < until_day)
    persons = pl.DataFrame(schema=PERSONS) if persons is None else persons
    events = of_persons(events, persons)
    judged = permissions.judge(events.filter(pl.col("user_id").is_not_null() & ~UNDOES_AN_ORDER))
    permitted = judged.filter(pl.col("verdict").is_in(ALLOWING)).drop("verdict")
    left_out = judged.filter(~pl.col("verdict").is_in(ALLOWING)).group_by("verdict").len().sort("verdict")
    ids = _ids_of(permitted) | {"item_id": pl.Enum([item.item_id for item in items])}
    permitted, undone = _numbered(permitted, ids), _numbered(events.filter(UNDOES_AN_ORDER), ids)
    bought, touched, not_permitted = pl.collect_all(
        [
            _of_items(read_purchases(pl.concat([permitted, undone]))).sort("day", "user_id", "order_id", "item"),
            _of_items(_touches(permitted)).sort("day", "user_id", "item", "event"),
            left_out,
        ],
        engine="streaming",
    )
    counts = dict(not_permitted.iter_rows())
    if bought.is_empty():
        raise _no_purchases(sum(counts.values()))
    known = set(bought["user_id"].unique()) | set(touched["user_id"].unique())
    return Interactions(bought, touched, counts, _aliases(persons.filter(pl.col("person").is_in(known)), permissions))


def _ids_of(permitted: pl.LazyFrame) -> dict[str, pl.Enum]:
    """Who ordered what where, or looked at it: the ids of each kind, ascending."""
    kinds = {"user_id": pl.col("user_id"), "order_id": _ORDER, "store_id": pl.col("store_id")}
    found = pl.collect_all(
        [permitted.select(ids.drop_nulls().unique().sort().alias(kind)) for kind, ids in kinds.items()],
        engine="streaming",
    )
    return {kind: pl.Enum(one.to_series()) for kind, one in zip(kinds, found, strict=True)}


def _numbered(events: pl.LazyFrame, ids: Mapping[str, pl.Enum]) -> pl.LazyFrame:
    """The same with ids of 4 bytes, and without rows of an item that the catalogue does not have."""
    known = pl.col("item_id").cast(ids["item_id"], strict=False)
    return events.filter(pl.col("item_id").is_null() | known.is_not_null()).with_columns(
        order_id=_ORDER.cast(ids["order_id"], strict=False),
        event_id=pl.lit(None, dtype=ids["order_id"]),  # which stands for an order without an id
        **{kind: pl.col(kind).cast(ids[kind], strict=False) for kind in ("user_id", "store_id", "item_id")},
    )


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


def _touches(events: pl.LazyFrame) -> pl.LazyFrame:
    shown = events.filter(pl.col("event").is_in(TOUCH_EVENTS) & pl.col("item_id").is_not_null())
    return shown.select("user_id", "item_id", "event", day=day_of("occurred_at"))


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
