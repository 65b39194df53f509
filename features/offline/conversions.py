"""What shoppers did that matters to the shop: additions to the cart, and orders with what was kept of them."""

import polars as pl

from features.definitions import WHOLE_SHARE
from features.events.schema import ORDER_COMPLETED, PRODUCT_ADDED
from features.offline.purchases import taken_back

ADDED, ORDERED = "added", "ordered"
_COLUMNS = (
    "kind", "conversion_id", "person", "item_id", "product", "recommendation_id", "converted_at", "quantity", "value",
    "currency",
)  # fmt: skip


def conversions(events: pl.LazyFrame) -> pl.LazyFrame:
    """Additions and order lines, with what was not refunded or cancelled.

    In:  EVENT_COLUMNS with `person` and `product`; any order.
    Out: kind str ("added" or "ordered"), conversion_id str (unique by kind), person str, item_id str, product str,
         recommendation_id str (what the event says led to it), converted_at datetime, quantity f64, value i64 (minor
         units of `currency`, after the discount, at least 0; 0 for additions and where no price is stated), currency
         str. An order that was wholly taken back stays, with quantity and value 0.
    """
    return pl.concat([_additions(events), _orders(events)])


def _additions(events: pl.LazyFrame) -> pl.LazyFrame:
    added = events.filter((pl.col("event") == PRODUCT_ADDED) & pl.col("item_id").is_not_null())
    return added.with_columns(
        kind=pl.lit(ADDED),
        conversion_id=_joined(pl.col("event_id"), pl.col("line").cast(pl.String)),
        converted_at="occurred_at",
        quantity=pl.col("quantity").fill_null(1.0),
        value=pl.lit(0, dtype=pl.Int64),
        currency=pl.lit(None, dtype=pl.String),
    ).select(_COLUMNS)


def _orders(events: pl.LazyFrame) -> pl.LazyFrame:
    """One row per order and item: several lines of one item count together."""
    stated = pl.col("price") * pl.col("quantity").fill_null(1.0) - pl.col("discount").fill_null(0)
    lines = (
        events.filter((pl.col("event") == ORDER_COMPLETED) & pl.col("item_id").is_not_null())
        .with_columns(order_id=pl.coalesce("order_id", "event_id"), value=stated.clip(lower_bound=0.0).fill_null(0.0))
        .sort("occurred_at", "event_id", "line")
    )
    orders = lines.group_by("order_id", "item_id").agg(
        pl.col("person").drop_nulls().first(),
        pl.col("product").first(),
        pl.col("recommendation_id").drop_nulls().first(),
        converted_at=pl.col("occurred_at").first(),
        quantity=pl.col("quantity").fill_null(1.0).sum(),
        value=pl.col("value").sum(),
        currency=pl.col("currency").drop_nulls().first(),
    )
    back = taken_back(events).with_columns(pl.col("quantity").fill_null(float("inf")))
    of_item = back.group_by("order_id", "item_id").agg(quantity_back=pl.col("quantity").sum())
    whole = back.filter(pl.col("item_id").is_null()).select("order_id", all_back=True).unique()
    return (
        orders.join(of_item, on=["order_id", "item_id"], how="left")
        .join(whole, on="order_id", how="left")
        .with_columns(kept=_kept_share())
        .with_columns(
            kind=pl.lit(ORDERED),
            conversion_id=_joined(pl.col("order_id"), pl.col("item_id")),
            quantity=pl.col("quantity") * pl.col("kept"),
            value=(pl.col("value") * pl.col("kept")).round().cast(pl.Int64),
        )
        .select(_COLUMNS)
    )


def _kept_share() -> pl.Expr:
    share_back = pl.col("quantity_back").fill_null(0.0) / pl.col("quantity")
    is_gone = pl.col("all_back").is_not_null() | (share_back >= WHOLE_SHARE)
    return pl.when(is_gone).then(0.0).otherwise(1.0 - share_back)


def _joined(first: pl.Expr, second: pl.Expr) -> pl.Expr:
    return pl.concat_str(first, second, separator="\x1f")  # a control character, which no id has
