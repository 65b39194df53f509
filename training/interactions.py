"""What training may learn from: real purchases and touches of consenting shoppers, read once from the event log."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hashlib import sha256

import polars as pl

from features.events.schema import PRODUCT_ADDED, PRODUCT_VIEWED, TAKES_BACK
from features.identity import USER_ID
from features.offline.people import PERSONS, of_persons
from features.offline.purchases import day_of, read_purchases
from recommender.catalogue import CatalogueItem
from recommender.errors import NotEnoughData
from recommender.ids import UserId

TOUCH_EVENTS = (PRODUCT_VIEWED, PRODUCT_ADDED)

# An event may itself have refused, whatever its shopper agreed to at other times; imports need not say. What takes a
# purchase back always counts.
UNDOES_AN_ORDER = pl.col("event").is_in(TAKES_BACK)
MAY_LEARN = pl.col("consent").is_null() | pl.col("consent").list.contains("personalisation") | UNDOES_AN_ORDER


@dataclass(frozen=True, slots=True)
class Interactions:
    """Everything up to the end of the data, not yet cut.

    Attributes:
        purchases: one row per order and item, by (day, user_id, order_id, item): user_id str, order_id str, item_id
            str, item i32 (position in the catalogue list), store_id str, day f64, quantity f64, taken_back_day f64.
        touches: one row per view or addition, by day: user_id str, item i32, event str, day f64.
        rows_without_consent: rows of known users that were left out, for want of the shopper's consent or the event's.
        aliases: other user ids of the same people, with the one that stands for them above.
    """

    purchases: pl.DataFrame
    touches: pl.DataFrame
    rows_without_consent: int
    aliases: Mapping[UserId, UserId]

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
    consenting: AbstractSet[UserId],
    until_day: float | None,
    persons: pl.DataFrame | None = None,
) -> Interactions:
    """Read what consenting shoppers did with known items.

    Args:
        events: the columns of EVENT_COLUMNS, no synthetic rows; any order.
        items: the catalogue; positions in it become the column `item`.
        consenting: users whose personalisation consent is in force.
        persons: who is behind which identifier, as `of_persons` takes it; None: each user id is a person.
        until_day: only what happened before this day, days since 1970-01-01 UTC; None: everything.

    Raises:
        NotEnoughData: no purchase is left.
    """
    if until_day is not None:
        events = events.filter(day_of("occurred_at") < until_day)
    positions = pl.LazyFrame(
        {"item_id": [item.item_id for item in items], "item": range(len(items))},
        schema={"item_id": pl.String(), "item": pl.Int32()},
    )
    users = pl.LazyFrame({"user_id": sorted(consenting)}, schema={"user_id": pl.String()})
    persons = pl.DataFrame(schema=PERSONS) if persons is None else persons
    events = of_persons(events, persons)
    by_user = events.filter(pl.col("user_id").is_not_null())
    refused = by_user.filter(~MAY_LEARN)
    unasked = by_user.filter(MAY_LEARN).join(users, left_on="said_as", right_on="user_id", how="anti")
    left_out = pl.concat([unasked, refused]).select(pl.len())
    agreed = by_user.filter(MAY_LEARN).join(users, left_on="said_as", right_on="user_id", how="semi")
    takes_back = events.filter(UNDOES_AN_ORDER)
    purchases = read_purchases(pl.concat([agreed.filter(~UNDOES_AN_ORDER), takes_back])).join(positions, on="item_id")
    touches = _touches(agreed).join(positions, on="item_id")
    bought, touched, n_left_out = pl.collect_all(
        [
            purchases.sort("day", "user_id", "order_id", "item"),
            touches.drop("item_id").sort("day", "user_id", "item", "event"),
            left_out,
        ],
        engine="streaming",
    )
    without_consent = int(n_left_out.item())
    if bought.is_empty():
        raise _no_purchases(without_consent)
    return Interactions(bought, touched, without_consent, _aliases(persons, consenting))


def _aliases(persons: pl.DataFrame, consenting: AbstractSet[UserId]) -> Mapping[UserId, UserId]:
    """User ids that agreed and are known under another one."""
    others = persons.filter((pl.col("kind") == USER_ID) & (pl.col("value") != pl.col("person"))).sort("value")
    pairs = zip(others["value"].to_list(), others["person"].to_list(), strict=True)
    return {UserId(user): UserId(person) for user, person in pairs if user in consenting}


def _touches(events: pl.LazyFrame) -> pl.LazyFrame:
    shown = events.filter(pl.col("event").is_in(TOUCH_EVENTS) & pl.col("item_id").is_not_null())
    return shown.select("user_id", "item_id", "event", day=day_of("occurred_at"))


def _bytes_of(column: pl.Series) -> bytes:
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
