"""Purchases out of the event log: one row per order and item, with the moment that a refund took it back."""

import polars as pl

from features.definitions import WHOLE_SHARE
from features.events.schema import ORDER_COMPLETED, TAKES_BACK

MICROSECONDS_PER_DAY = 86_400_000_000


def day_of(column: str) -> pl.Expr:
    """An instant as float days since 1970-01-01 UTC."""
    return pl.col(column).dt.epoch("us") / MICROSECONDS_PER_DAY


def read_purchases(events: pl.LazyFrame) -> pl.LazyFrame:
    """What known users bought.

    In:  the columns of EVENT_COLUMNS; any order.
    Out: user_id str, order_id str, item_id str, store_id str or null, day f64 (of the first line), quantity f64 (of all
         lines of the item; 1 where the event says none), taken_back_day f64: from then on all of it is refunded or
         cancelled, infinite if it was kept. Unique by (user_id, order_id, item_id); in no order.

    An order without an order_id goes by its event_id. A refund or cancellation that names an item takes back its
    quantity of that item, or all of it where it states none; one that names no item takes back the whole order. Several
    add up; an item is taken back from the moment that they come to WHOLE_SHARE of what was bought.
    """
    lines, back = _lines(events), taken_back(events)
    return (
        _ordered(lines)
        .join(_taken_back_items(back, lines), on=["user_id", "order_id", "item_id"], how="left")
        .join(_taken_back_orders(back), on="order_id", how="left")
        .with_columns(taken_back_day=pl.min_horizontal("item_back_day", "order_back_day").fill_null(float("inf")))
        .select("user_id", "order_id", "item_id", "store_id", "day", "quantity", "taken_back_day")
    )


def _lines(events: pl.LazyFrame) -> pl.LazyFrame:
    known = pl.col("user_id").is_not_null() & pl.col("item_id").is_not_null()
    return events.filter(known & (pl.col("event") == ORDER_COMPLETED)).select(
        "user_id",
        pl.coalesce("order_id", "event_id").alias("order_id"),
        "item_id",
        "store_id",
        day=day_of("occurred_at"),
        quantity=pl.col("quantity").fill_null(1.0),
    )


def _ordered(lines: pl.LazyFrame) -> pl.LazyFrame:
    return lines.group_by("user_id", "order_id", "item_id").agg(
        pl.col("store_id").min(), pl.col("day").min(), pl.col("quantity").sum()
    )


def _taken_back_items(back: pl.LazyFrame, lines: pl.LazyFrame) -> pl.LazyFrame:
    item = ["order_id", "item_id"]
    ordered = _ordered(lines.join(back, on=item, how="semi"))  # few: so that not all are held for this
    back_so_far = (
        pl.col("back").fill_null(float("inf")).cum_sum().over("user_id", "order_id", "item_id", order_by="day")
    )
    return (
        back.rename({"quantity": "back"})
        .join(ordered.select("user_id", *item, "quantity"), on=item)
        .filter(back_so_far >= pl.col("quantity") * WHOLE_SHARE)
        .group_by("user_id", "order_id", "item_id")
        .agg(item_back_day=pl.col("day").min())
    )


def _taken_back_orders(back: pl.LazyFrame) -> pl.LazyFrame:
    whole = back.filter(pl.col("item_id").is_null())
    return whole.group_by("order_id").agg(order_back_day=pl.col("day").min())


def taken_back(events: pl.LazyFrame) -> pl.LazyFrame:
    """Refunds and cancellations: order_id, item_id (null: the whole order), quantity f64 (null: all of it), day f64."""
    takes_back = pl.col("event").is_in(TAKES_BACK) & pl.col("order_id").is_not_null()
    return events.filter(takes_back).select("order_id", "item_id", "quantity", day=day_of("occurred_at"))
