"""Reading interactions by numbers, some shoppers at a time, gives what all rows by their texts would give."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from features.events.schema import EVENT_COLUMNS, ORDER_COMPLETED, PRODUCT_REMOVED
from features.markets import read_markets
from features.offline.people import of_persons
from features.offline.purchases import day_of, read_purchases
from features.settings import Settings
from recommender.catalogue import CatalogueItem
from recommender.consent_answers import Answer
from recommender.errors import NotEnoughData
from recommender.ids import GroupId, ItemId, ItemNumber
from training.interactions import TOUCH_EVENTS, UNDOES_AN_ORDER, read_interactions
from training.permitted import ALLOWING, Permissions

START = datetime(2026, 1, 5, tzinfo=UTC)
ITEM_IDS = ("tea", "milk", "ß", "10", "9")
ITEMS = [
    CatalogueItem(
        item_id=ItemId(name), item_number=ItemNumber(row), group_id=GroupId(name), title=name, price=199,
        currency="USD", added_day=0.0,
    )
    for row, name in enumerate(ITEM_IDS)
]  # fmt: skip
PERSONS = pl.DataFrame(
    [("user_id", "v", "u"), ("user_id", "u", "u"), ("anonymous_id", "browser", "u")],
    schema=["kind", "value", "person"], orient="row",
)  # fmt: skip
ANSWERS = {("user_id", user): Answer.GRANTED for user in ("u", "v", "w", "ü", "1")} | {
    ("user_id", "refusing"): Answer.REFUSED, ("anonymous_id", "phone"): Answer.REFUSED,
}  # fmt: skip
PERMISSIONS = Permissions(ANSWERS, read_markets(Settings(data_dir=Path("unused"))), {("user_id", "1")}.__contains__)

who = st.sampled_from((None, "u", "v", "w", "ü", "1", "refusing", "silent"))
kinds = st.sampled_from((ORDER_COMPLETED, ORDER_COMPLETED, *TOUCH_EVENTS, PRODUCT_REMOVED))
orders = st.none() | st.sampled_from(("o1", "o2", "o10", "ö"))
rows = st.fixed_dictionaries(
    {
        "event": kinds | st.sampled_from(("Order Refunded", "Order Cancelled")),
        "order_id": orders,
        "user_id": who,
        "anonymous_id": st.sampled_from((None, "phone", "browser")),
        "item_id": st.sampled_from((None, "unknown", *ITEM_IDS)),
        "quantity": st.sampled_from((None, 0.5, 1.0, 2.0)),
        "store_id": st.sampled_from((None, "s2", "s10")),
        "consent": st.sampled_from((None, [], ["personalisation"])),
        "minutes": st.integers(0, 10),
    }
)


def as_log(drawn: list[dict[str, object]]) -> pl.LazyFrame:
    filled = [
        {"event_id": f"e{number}", "line": 0, "synthetic": False, "occurred_at": at, "received_at": at, **row}
        for number, row in enumerate(drawn)
        for at in [START + timedelta(minutes=int(str(row["minutes"])))]
    ]
    return pl.LazyFrame(filled, schema=EVENT_COLUMNS)


def by_text(events: pl.LazyFrame) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, int]]:
    """Purchases, touches and what was left out, all rows at once."""
    events = of_persons(events, PERSONS)
    judged = PERMISSIONS.judge(events.filter(pl.col("user_id").is_not_null() & ~UNDOES_AN_ORDER))
    permitted = judged.filter(pl.col("verdict").is_in(ALLOWING)).drop("verdict")
    left_out = judged.filter(~pl.col("verdict").is_in(ALLOWING)).group_by("verdict").len().collect()
    positions = pl.LazyFrame({"item_id": ITEM_IDS, "item": range(len(ITEM_IDS))}, schema_overrides={"item": pl.Int32})
    bought = read_purchases(pl.concat([permitted, events.filter(UNDOES_AN_ORDER)])).join(positions, on="item_id")
    touched = permitted.filter(pl.col("event").is_in(TOUCH_EVENTS)).join(positions, on="item_id")
    return (
        bought.drop("item_id").sort("day", "user_id", "order_id", "item").collect(),
        touched.select("user_id", "event", "item", day=day_of("occurred_at"))
        .sort("day", "user_id", "item", "event").collect(),
        dict(left_out.iter_rows()),
    )  # fmt: skip


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col(pl.Enum).cast(pl.String()))


@settings(deadline=None)
@given(st.lists(rows, max_size=40), st.integers(1, 40))
def test_reading_by_numbers_gives_what_texts_give(drawn: list[dict[str, object]], lines_at_once: int):
    bought, touched, left_out = by_text(as_log(drawn))
    try:
        found = read_interactions(as_log(drawn), ITEMS, PERMISSIONS, None, PERSONS, lines_at_once)
    except NotEnoughData:
        assert bought.is_empty()
        return
    assert_frame_equal(as_text(found.purchases), bought, check_column_order=False)
    assert_frame_equal(as_text(found.touches), touched, check_column_order=False)
    assert dict(found.left_out) == left_out
    users = found.purchases.schema["user_id"]
    assert isinstance(users, pl.Enum)
    assert users == found.touches.schema["user_id"]
    assert users.categories.to_list() == sorted(users.categories)
