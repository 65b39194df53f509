"""The Complete Journey's coupon redemptions as rows of the event log."""

from datetime import timedelta

import polars as pl

from features.events.schema import COUPON_REDEEMED
from training.prepare.campaigns import DAY_BREAK, group_of_column
from training.prepare.orders import CONSENT, with_all_columns

NOON = DAY_BREAK + timedelta(hours=12)  # the data set names days only: as of their middle


def redemption_events(redemptions: pl.LazyFrame, shift: timedelta, market: str) -> pl.DataFrame:
    """Every redemption; `properties` name the campaign of ours that the coupon is of. A coupon redeemed twice is two.

    In:  `Source.redemptions`.
    Out: all EVENT_COLUMNS, by time.
    """
    campaign_id = pl.format("{}-{}", group_of_column("campaign_id"), "coupon_upc")
    coupon_id = pl.format("{}-{}", campaign_id, pl.int_range(pl.len()).over("campaign_id", "coupon_upc"))
    redeemed_at = pl.col("redemption_date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC") + NOON + shift
    named = pl.concat_str(pl.lit('{"campaign_id":"'), campaign_id, pl.lit('","coupon_id":"'), coupon_id, pl.lit('"}'))
    rows = redemptions.sort("redemption_date", "household_id", "campaign_id", "coupon_upc").select(
        event_id=coupon_id,
        line=pl.lit(0),
        event=pl.lit(COUPON_REDEEMED),
        user_id=pl.col("household_id").cast(pl.String),
        market=pl.lit(market),
        channel=pl.lit("store"),
        consent=pl.lit(list(CONSENT), dtype=pl.List(pl.String)),
        synthetic=pl.lit(value=False),
        occurred_at=redeemed_at,
        sent_at=redeemed_at,
        received_at=redeemed_at,
        properties=named,
    )
    return with_all_columns(rows.collect())
