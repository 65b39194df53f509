"""The Complete Journey's campaigns: who got them, and a campaign of ours for each coupon of each.

The data set says which products a coupon was for and which households got the campaign, not what a coupon was worth:
that is read from the redemptions where it can be, and invented where not. Budgets are invented. Each says so in `note`.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from math import ceil
from typing import Any

import polars as pl
from sqlalchemy import Engine

from features.audit import CLI
from features.sql.campaign_import import Stated, import_campaigns
from features.sql.segment_store import SegmentStore
from recommender.offers.campaign import parse_campaign
from training.offers.campaign_types import CampaignTypes
from training.prepare.source import Source

CURRENCY, INVENTED_CENTS = "USD", 100  # a dollar is what half of the coupons were worth
DAY_BREAK = timedelta(hours=5)  # the data's days begin at 05:00 of its clock
REDEEMED_SHARE = 0.1  # of those who got a campaign: what its invented budget pays for
FEWEST = 10


def import_journey_campaigns(engine: Engine, source: Source, timezone: str, shift: timedelta, now: datetime) -> int:
    """Write segments and campaigns; those that end after `now` are active. Returns how many campaigns were new."""
    members = _members(source)
    segments = SegmentStore(engine)
    known = {segment.segment_id for segment in segments.read_all()}
    for group, user_ids in members.items():
        if group not in known:
            segments.put(group, user_ids, by=CLI)
    sizes = {group: len(user_ids) for group, user_ids in members.items()}
    return import_campaigns(engine, [*_campaigns(coupon_frame(source), sizes, timezone, shift, now)], by=CLI)


def coupon_frame(source: Source) -> pl.DataFrame:
    """A row per coupon of a campaign.

    Out: campaign_id, coupon_upc i64; campaign_type str; start_date, end_date datetime; item_ids list[str], sorted;
        category str, null where none is known: the most frequent of its products; cents i64, null where no redemption
        tells; redemptions u32 that tell it; by campaign and coupon.
    """
    coupons, products = source.coupons.collect(), source.products.select("product_id", "product_category").collect()
    categories = (
        coupons.join(products, on="product_id", how="left")
        .group_by("campaign_id", "coupon_upc", "product_category")
        .len()
        .drop_nulls()
        .sort("len", "product_category", descending=[True, False])
        .group_by("campaign_id", "coupon_upc", maintain_order=True)
        .agg(category=pl.col("product_category").first())
    )
    items = coupons.group_by("campaign_id", "coupon_upc").agg(
        item_ids=pl.col("product_id").cast(pl.String).unique().sort()
    )
    return (
        items.join(source.campaign_descriptions.collect(), on="campaign_id")
        .join(categories, on=["campaign_id", "coupon_upc"], how="left")
        .join(face_values(source, coupons), on="coupon_upc", how="left")
        .with_columns(pl.col("redemptions").fill_null(0))
        .sort("campaign_id", "coupon_upc")
    )


def face_values(source: Source, coupons: pl.DataFrame) -> pl.DataFrame:
    """What a coupon took off: the median over lines of its products, on the day that the household redeemed it.

    Out: coupon_upc i64; cents i64, above 0; redemptions u32: lines that tell.
    """
    lines = (
        source.transactions.filter(pl.col("coupon_disc") > 0)
        .select(
            "household_id", "product_id", "coupon_disc",
            day=(pl.col("transaction_timestamp") - DAY_BREAK).dt.date(),
        )
    )  # fmt: skip
    redeemed = source.redemptions.select(
        "household_id", "coupon_upc", "campaign_id", day=pl.col("redemption_date").dt.date()
    )
    return (
        redeemed.join(coupons.lazy(), on=["campaign_id", "coupon_upc"])
        .join(lines, on=["household_id", "product_id", "day"])
        .group_by("coupon_upc")
        .agg(cents=(pl.col("coupon_disc").median() * 100).round().cast(pl.Int64), redemptions=pl.len())
        .collect()
    )


def _members(source: Source) -> dict[str, list[str]]:
    got = source.campaigns.group_by("campaign_id").agg(pl.col("household_id").cast(pl.String).sort()).collect()
    return {group_of(campaign): households for campaign, households in got.sort("campaign_id").iter_rows()}


def journey_types(source: Source) -> CampaignTypes:
    """The type that the data set gives each campaign. Of type A it says no more than that 16 coupons went to each."""
    described = source.campaign_descriptions.select("campaign_id", "campaign_type").sort("campaign_id").collect()
    return CampaignTypes(
        of_group={group_of(campaign): campaign_type for campaign, campaign_type in described.iter_rows()},
        notes={"Type A": "partly the retailer's own targeting"},
    )


def group_of(campaign: int) -> str:
    """Name of a campaign of the data set: of its segment, and of the group that its coupons are in."""
    return f"cj-{campaign}"


def group_of_column(column: str) -> pl.Expr:
    """`group_of` of a column of numbers."""
    return pl.format("cj-{}", column)


def _campaigns(
    coupons: pl.DataFrame, sizes: dict[str, int], timezone: str, shift: timedelta, now: datetime
) -> Iterator[Stated]:
    for row in coupons.iter_rows(named=True):
        group = group_of(row["campaign_id"])
        campaign_id = f"{group}-{row['coupon_upc']}"
        definition = _definition(row, group, sizes.get(group, 0)) | {
            "timezone": timezone,
            "valid_from": (row["start_date"] + shift).isoformat(),
            "valid_until": (row["end_date"] + shift + timedelta(days=1)).isoformat(),
        }
        is_over = parse_campaign(campaign_id, definition).ends_at() <= now
        yield campaign_id, "ended" if is_over else "active", definition


def _definition(row: dict[str, Any], group: str, members: int) -> dict[str, Any]:
    told = row["cents"] is not None
    cents = row["cents"] if told else INVENTED_CENTS
    worth = f"from {row['redemptions']} redemptions" if told else "invented"
    paid_for = max(FEWEST, ceil(REDEEMED_SHARE * members))
    return {
        "title": f"${cents / 100:.2f} off {(row['category'] or 'groceries').capitalize()}",
        "note": f"{row['campaign_type']}, campaign {row['campaign_id']}. Synthetic: budget, pace and caps; "
        f"face value {worth}.",
        "group": group,
        "topic": "coupons",
        "currency": CURRENCY,
        "discount": {"kind": "amount", "amount": cents},
        "items": row["item_ids"],
        "eligibility": f"'{group}' in shopper.segments",
        "basket": {"minimum_amount": cents},
        "budget": {"money": cents * paid_for, "per_day": {"count": max(FEWEST, paid_for // 7)}},
        "caps": [{"most": 1, "per": "campaign", "of": "shopper"}, {"most": 3, "per": "day", "of": "device"}],
        "stacking": {"class": f"upc-{row['coupon_upc']}"},
    }
