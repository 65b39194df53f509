"""Who shops in a store, and what they bought there last."""

from datetime import UTC, datetime, timedelta

import polars as pl

from features.events.schema import ORDER_COMPLETED, PRODUCT_VIEWED
from features.offline.regulars import Regular, busiest_store, regulars_of

START = datetime(2026, 5, 1, tzinfo=UTC)


def log() -> pl.LazyFrame:
    rows = [
        ("s1", "ann", "o1", 0, "tea", 1), ("s1", "ann", "o2", 1, "milk", 5), ("s1", "ann", "o2", 0, "bread", 5),
        ("s1", "bob", "o3", 0, "wine", 9), ("s2", "ann", "o4", 0, "soap", 20), ("s2", "bob", "o5", 0, "soap", 1),
        ("s2", "cid", "o6", 0, "rice", 2), ("s2", None, "o7", 0, "rice", 2),
    ]  # fmt: skip
    names = ("store_id", "user_id", "order_id", "line", "item_id", "day")
    frame = pl.DataFrame(rows, schema=names, orient="row").with_columns(
        event=pl.lit(ORDER_COMPLETED), occurred_at=pl.lit(START) + pl.col("day") * timedelta(days=1)
    )
    viewed = frame.filter(pl.col("store_id") == "s1").with_columns(event=pl.lit(PRODUCT_VIEWED))
    return pl.concat([frame, viewed]).lazy()


def test_the_busiest_store_is_that_with_the_most_orders_among_those_asked_for():
    assert busiest_store(log(), {"s1", "s2"}) == "s2"
    assert busiest_store(log(), {"s1", "s9"}) == "s1"
    assert busiest_store(log(), {"s9"}) is None


def test_a_regular_has_what_they_bought_last_in_that_store():
    assert regulars_of(log(), "s1") == [Regular("ann", 2, ("bread", "milk")), Regular("bob", 1, ("wine",))]
    assert [one.user_id for one in regulars_of(log(), "s2")] == ["ann", "bob", "cid"]
    assert regulars_of(log(), "s9") == []
