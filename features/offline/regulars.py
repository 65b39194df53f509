"""Who shops in which store, and what they bought there last."""

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from features.events.schema import ORDER_COMPLETED


@dataclass(frozen=True, slots=True)
class Regular:
    """A shopper of one store: how many orders they made there, and the items of the last one."""

    user_id: str
    orders: int
    items: tuple[str, ...]


def busiest_store(events: pl.LazyFrame, stores: Collection[str]) -> str | None:
    """Of these stores the one with the most orders, of several the first by id; None: there are no orders in any.

    In: event, store_id, order_id of the log.
    """
    bought = events.filter(pl.col("event") == ORDER_COMPLETED, pl.col("store_id").is_in(list(stores)))
    by_store = bought.group_by("store_id").agg(orders=pl.col("order_id").n_unique())
    found = by_store.sort("orders", "store_id", descending=[True, False]).head(1).collect()
    return found["store_id"][0] if found.height else None


def regulars_of(events: pl.LazyFrame, store_id: str) -> list[Regular]:
    """Who has bought in a store, those with the most orders first, of several the first by id.

    In: event, store_id, user_id, order_id, line, item_id, occurred_at of the log.
    """
    ours = pl.col("store_id") == store_id, pl.col("user_id").is_not_null()
    orders = (
        events.filter(pl.col("event") == ORDER_COMPLETED, *ours)
        .group_by("user_id", "order_id")
        .agg(pl.col("occurred_at").max(), items=pl.col("item_id").sort_by("line"))
        .sort("occurred_at", "order_id")
    )
    last = orders.group_by("user_id").agg(orders=pl.len(), items=pl.col("items").last())
    rows = last.sort("orders", "user_id", descending=[True, False]).collect()
    return [Regular(user_id, orders, tuple(items)) for user_id, orders, items in rows.iter_rows()]
