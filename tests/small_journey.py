"""A data set with the columns of The Complete Journey, small enough to count by hand."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from training.prepare.source import Source

FUEL, MILK, WINE, RAMEN, NEVER_SOLD = 10, 20, 30, 40, 50
PRODUCTS = {
    FUEL: (1, "FUEL", "National", "FUEL", "GASOLINE-REG UNLEADED", None),
    MILK: (69, "GROCERY", "Private", "FLUID MILK PRODUCTS", "FLUID MILK - WHITE ONLY", "1 GA"),
    WINE: (7, "GROCERY", "National", "DOMESTIC WINE", "POPULAR 750ML WINES", "750 ML"),
    RAMEN: (8, "GROCERY", "National", "DRY NOODLES/PASTA", "RAMEN NOODLES/RAMEN CUPS", "3 OZ"),
    NEVER_SOLD: (9, "GROCERY", "National", None, None, None),
}
MONDAY = datetime(2017, 12, 25, 12)  # noqa: DTZ001 - the data set names no zone
TRANSACTION = {
    "household_id": pl.Int64, "store_id": pl.Int64, "basket_id": pl.Int64, "product_id": pl.Int64,
    "quantity": pl.Int64, "sales_value": pl.Float64, "retail_disc": pl.Float64, "coupon_disc": pl.Float64,
    "coupon_match_disc": pl.Float64, "transaction_timestamp": pl.Datetime("ns"),
}  # fmt: skip
PROMOTION = {
    "product_id": pl.Int64, "store_id": pl.Int64, "display_location": pl.String, "mailer_location": pl.String,
    "week": pl.Int64,
}  # fmt: skip


def transactions(rows: Sequence[dict[str, object]]) -> pl.LazyFrame:
    """Lines of baskets; one unit of milk for 2 dollars by household 1, unless a row says otherwise."""
    usual = {
        "household_id": 1, "store_id": 300, "basket_id": 1000, "product_id": MILK, "quantity": 1, "sales_value": 2.0,
        "retail_disc": 0.0, "coupon_disc": 0.0, "coupon_match_disc": 0.0, "transaction_timestamp": MONDAY,
    }  # fmt: skip
    return pl.LazyFrame([usual | row for row in rows], schema=TRANSACTION)


def products() -> pl.LazyFrame:
    """All PRODUCTS."""
    names = ("manufacturer_id", "department", "brand", "product_category", "product_type", "package_size")
    rows = [{"product_id": number, **dict(zip(names, facts, strict=True))} for number, facts in PRODUCTS.items()]
    schema = {"product_id": pl.Int64, "manufacturer_id": pl.Int64, **dict.fromkeys(names[1:], pl.String)}
    return pl.LazyFrame(rows, schema=schema)


def promotions() -> pl.LazyFrame:
    """Milk at the front of store 300 in the first week, and on the front page in the second."""
    rows = [(MILK, 300, "1", "0", 1), (MILK, 300, "0", "D", 2)]
    return pl.LazyFrame(rows, schema=PROMOTION, orient="row")


def campaigns() -> tuple[pl.LazyFrame, pl.LazyFrame, pl.LazyFrame, pl.LazyFrame]:
    """Campaign 1, over, and 2, which goes on after the last purchase; both with a coupon for milk, 2 with one for wine.

    Households 1 and 2 got both; household 1 redeemed the milk on MONDAY.
    """
    days = {1: (datetime(2017, 3, 1), datetime(2017, 4, 1)), 2: (datetime(2017, 12, 1), datetime(2018, 3, 1))}  # noqa: DTZ001
    described = [(number, "Type B", *dates) for number, dates in days.items()]
    names = {"campaign_type": pl.String, "start_date": pl.Datetime("ns"), "end_date": pl.Datetime("ns")}
    coupons = [(70, MILK, 1), (70, MILK, 2), (71, WINE, 2), (71, RAMEN, 2), (71, WINE, 2)]
    redeemed = [(1, 70, 2, datetime(2017, 12, 25))]  # noqa: DTZ001
    return (
        pl.LazyFrame({"campaign_id": [1, 1, 2, 2], "household_id": [1, 2, 1, 2]}),
        pl.LazyFrame(described, schema={"campaign_id": pl.Int64, **names}, orient="row"),
        pl.LazyFrame(coupons, schema=["coupon_upc", "product_id", "campaign_id"], orient="row"),
        pl.LazyFrame(
            redeemed, orient="row",
            schema={**dict.fromkeys(("household_id", "coupon_upc", "campaign_id"), pl.Int64),
                    "redemption_date": pl.Datetime("ns")},
        ),
    )  # fmt: skip


def source(rows: Sequence[dict[str, object]]) -> Source:
    """The whole data set."""
    return Source(transactions(rows), products(), promotions(), *campaigns())
