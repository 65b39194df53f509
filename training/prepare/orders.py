"""Order lines of The Complete Journey as rows of the event log."""

from datetime import timedelta

import polars as pl

from features.events.schema import EVENT_COLUMNS, ORDER_COMPLETED

CURRENCY = "USD"
CONSENT = ("analytics", "personalisation")
_FUEL_TYPE = "GASOLINE"
_FUEL_SCALE = 1000  # fuel is counted in thousandths of a gallon; where it says less than 100, one tank was keyed in


def read_lines(transactions: pl.LazyFrame, products: pl.LazyFrame, shift: timedelta) -> pl.LazyFrame:
    """What was bought, in our units.

    Left out: lines with neither a quantity nor a cent of sales (coupon records, voided scans). A line with sales but
    no quantity counts as one unit. `sales_value` is what the shop received from shopper and manufacturer, so the price
    on the shelf is sales_value + retail_disc + coupon_match_disc; the shopper's own coupon (coupon_disc) is a means
    of payment.

    In: the frames of `Source`.
    Out: household_id, store_id, basket_id, item_id str; line i32, from 0 in each basket; quantity f64, above 0; unit
        str; price, discount, coupon i64 in cents; occurred_at datetime[us, UTC], shifted. By time.
    """
    paid = pl.col("sales_value") + pl.col("retail_disc") + pl.col("coupon_match_disc")
    is_fuel = pl.col("product_type").str.starts_with(_FUEL_TYPE).fill_null(value=False) & (pl.col("quantity") >= 100)
    units = pl.max_horizontal(pl.col("quantity"), 1).cast(pl.Float64)
    quantity = pl.when(is_fuel).then(units / _FUEL_SCALE).otherwise(units)
    sold = transactions.filter((pl.col("quantity") > 0) | (pl.col("sales_value") >= 0.005))
    return (
        sold.join(products.select("product_id", "product_type"), on="product_id", how="left", maintain_order="left")
        .sort("transaction_timestamp", "basket_id", "product_id")
        .select(
            pl.col("household_id", "store_id", "basket_id").cast(pl.String),
            item_id=pl.col("product_id").cast(pl.String),
            line=pl.int_range(pl.len(), dtype=pl.Int32).over("basket_id"),
            quantity=quantity,
            unit=pl.when(is_fuel).then(pl.lit("gal")).otherwise(pl.lit("each")),
            price=_cents(paid / quantity),
            discount=_cents(pl.col("retail_disc") + pl.col("coupon_match_disc")),
            coupon=_cents(pl.col("coupon_disc")),
            occurred_at=pl.col("transaction_timestamp").cast(pl.Datetime("us")).dt.replace_time_zone("UTC") + shift,
        )
    )


def order_events(lines: pl.DataFrame, market: str) -> pl.DataFrame:
    """Order lines (of `read_lines`) as rows of the event log: all EVENT_COLUMNS, one order an event."""
    known = lines.select(
        event_id=pl.concat_str(pl.lit("cj-"), "basket_id"),
        line="line",
        event=pl.lit(ORDER_COMPLETED),
        order_id="basket_id",
        user_id="household_id",
        item_id="item_id",
        quantity="quantity",
        unit="unit",
        price="price",
        discount="discount",
        currency=pl.lit(CURRENCY),
        market=pl.lit(market),
        store_id="store_id",
        channel=pl.lit("store"),
        consent=pl.lit(list(CONSENT), dtype=pl.List(pl.String)),
        synthetic=pl.lit(value=False),
        occurred_at="occurred_at",
        sent_at="occurred_at",
        received_at="occurred_at",
        properties=_coupon_json(),
    )
    return with_all_columns(known)


def with_all_columns(events: pl.DataFrame) -> pl.DataFrame:
    """Put the columns into the log's order and types; those that are not there become null."""
    missing = {name: pl.lit(None, dtype=dtype) for name, dtype in EVENT_COLUMNS.items() if name not in events.columns}
    return events.with_columns(**missing).select(pl.col(name).cast(dtype) for name, dtype in EVENT_COLUMNS.items())


def _coupon_json() -> pl.Expr:
    text = pl.concat_str(pl.lit('{"manufacturer_coupon":'), pl.col("coupon"), pl.lit("}"))
    return pl.when(pl.col("coupon") > 0).then(text)


def _cents(dollars: pl.Expr) -> pl.Expr:
    return (dollars * 100).round().cast(pl.Int64)
