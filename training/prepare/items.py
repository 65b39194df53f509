"""The catalogue of The Complete Journey: what its product file says, with prices and first days from its sales."""

from collections.abc import Iterator
from datetime import timedelta

import polars as pl

from recommender.catalogue import CatalogueItem
from recommender.ids import GroupId, ItemId, ItemNumber
from training.prepare.orders import CURRENCY
from training.prepare.words import titles

# Departments of which nothing is for a list: fuel, records of the till, postage, the shop's own supplies.
HIDDEN_DEPARTMENTS = ("FUEL", "MISCELLANEOUS", "COUPON", "POSTAL CENTER", "CNTRL/STORE SUP")
# Categories that may not be sold to those below 21 (in the data set's country).
RESTRICTED_CATEGORIES = (
    "BEERS/ALES", "DOMESTIC WINE", "IMPORTED WINE", "MISC WINE", "LIQUOR", "CIGARETTES", "CIGARS", "TOBACCO OTHER",
)  # fmt: skip
RESTRICTED_AGE = 21
_PRICE_WINDOW = timedelta(days=28)


def catalogue_facts(products: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """All that the catalogue states of each item, but for its stock; one row an item, by item_id.

    In: products of `Source`; lines of `read_lines`.
    Out: item_id, title str; department, category, type, brand, manufacturer, size str as the data set spells them,
        may be null; price i64 in cents, null for what was never sold (or only given away); added_day f64: the day of
        its first sale, of the data's first day if there is none; hidden bool; min_age i32, in years.
    """
    facts = _described(products, lines).join(_sold(lines), on="item_id", how="left").sort("item_id")
    first_day = lines.select(_days("occurred_at").min()).item()
    return facts.with_columns(
        titles(facts).alias("title"),
        pl.col("added_day").fill_null(first_day),
        hidden=pl.col("department").is_in(HIDDEN_DEPARTMENTS).fill_null(value=True),
        min_age=pl.when(pl.col("category").is_in(RESTRICTED_CATEGORIES)).then(RESTRICTED_AGE).otherwise(0),
    )


def catalogue_items(facts: pl.DataFrame) -> Iterator[CatalogueItem]:
    """Rows of `catalogue_facts`, with a column `stock`, as items; their numbers are given by the catalogue store."""
    for row in facts.iter_rows(named=True):
        yield CatalogueItem(
            item_id=ItemId(row["item_id"]),
            item_number=ItemNumber(0),
            group_id=GroupId(row["item_id"]),
            title=row["title"],
            price=row["price"],
            currency=CURRENCY,
            added_day=row["added_day"],
            hidden=row["hidden"],
            stock=row["stock"],
            min_age=row["min_age"],
            department=row["department"],
            category=row["category"],
            type=row["type"],
            brand=row["brand"],
            manufacturer=row["manufacturer"],
            size=row["size"],
        )


def _described(products: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """The product file in our columns, and a bare row for what was sold but is not in it."""
    listed = products.select(
        "department",
        "brand",
        item_id=pl.col("product_id").cast(pl.String),
        category="product_category",
        type="product_type",
        manufacturer=pl.col("manufacturer_id").cast(pl.String),
        size="package_size",
    )
    unlisted = lines.select(pl.col("item_id").unique()).join(listed, on="item_id", how="anti")
    return pl.concat([listed, unlisted], how="diagonal")


def _sold(lines: pl.DataFrame) -> pl.DataFrame:
    """Of each item sold: the median shelf price of its last four weeks, and the day of its first sale."""
    is_recent = pl.col("occurred_at") > pl.col("occurred_at").max() - _PRICE_WINDOW
    median = pl.col("price").filter(is_recent).median().round().cast(pl.Int64)
    sold = lines.group_by("item_id").agg(price=median, added_day=_days("occurred_at").min())
    return sold.with_columns(price=pl.when(pl.col("price") > 0).then("price"))


def _days(column: str) -> pl.Expr:
    """Whole days since 1970-01-01 UTC."""
    return pl.col(column).dt.epoch("d").cast(pl.Float64)
