"""Which coupons went to whom, and which were redeemed: from campaigns, segments, the event log and our own ledger."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby

import polars as pl

from features.campaigns import SegmentMembers, StoredCampaign
from features.events.schema import COUPON_REDEEMED
from features.identity import USER_ID
from features.offline.people import of_persons
from features.offline.purchases import day_of
from recommender.arrays import Rows
from recommender.catalogue import Catalogue, CatalogueItem
from recommender.errors import RecommenderError
from recommender.offers.campaign import Campaign
from training.offers.in_aisle import NEVER
from training.permitted import ALLOWING, Permissions

REDEMPTIONS = {"user_id": pl.String(), "campaign_id": pl.String(), "day": pl.Float64()}
RECEIVED = {"user_id": pl.String(), "group": pl.String(), "starts_day": pl.Float64()}
IN_AISLE = pl.format("in the aisle: {}", "group").alias("group")  # another response than to what was mailed


@dataclass(frozen=True, slots=True)
class Sending:
    """Coupons that went to the same people for the same days: the campaigns of one group.

    Attributes:
        starts_day, ends_day: days since 1970-01-01 UTC; the end is not included.
        campaign_ids: one a coupon, ascending.
        products: of each coupon, positions in the catalogue list.
        user_ids: persons who got all of them, and whose purchases may be learnt from; ascending.
    """

    group: str
    starts_day: float
    ends_day: float
    campaign_ids: tuple[str, ...]
    products: tuple[Rows, ...]
    user_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CouponHistory:
    """What was mailed, what the ledger issued, and what was redeemed of it.

    Attributes:
        sendings: what was mailed, by its start.
        redemptions: of that, out of the event log: user_id, campaign_id, group str; day f64.
        issues: what the ledger issued: ISSUES and the campaign's group str.
        products: of each campaign of the issues, positions in the catalogue list.
    """

    sendings: tuple[Sending, ...]
    redemptions: pl.DataFrame
    issues: pl.DataFrame
    products: Mapping[str, Rows]

    def received(self) -> pl.DataFrame:
        """Who got what, when: RECEIVED, a row for each sending of a group to a shopper and for each issued coupon."""
        rows = [(user, one.group, one.starts_day) for one in self.sendings for user in one.user_ids]
        mailed = pl.DataFrame(rows, schema=RECEIVED, orient="row").unique(["user_id", "group"], keep="first")
        return pl.concat([mailed, self.issues.select("user_id", IN_AISLE, starts_day="issued_day")])

    def redeemed(self) -> pl.DataFrame:
        """Who redeemed what of it: user_id, group str; day, taken_back_day f64."""
        mailed = self.redemptions.select("user_id", "group", "day", taken_back_day=pl.lit(NEVER))
        used = self.issues.filter(pl.col("redeemed_day") < NEVER)
        issued = used.select("user_id", IN_AISLE, "taken_back_day", day="redeemed_day")
        return pl.concat([mailed, issued.select(mailed.columns)])

    def decided(self, cut_day: float) -> pl.DataFrame:
        """Issued coupons whose time was over at the cut: `issues`, redeemed bool, and date f64 (whole days)."""
        by_then = (pl.col("redeemed_day") < cut_day) & (pl.col("taken_back_day") >= cut_day)
        return self.issues.filter(pl.col("ends_day") <= cut_day).with_columns(
            redeemed=by_then, date=pl.col("issued_day").floor()
        )

    def fingerprint(self) -> str:
        """Hash of everything: the same history gives the same one."""
        digest = sha256(self.redemptions.sort("day", "user_id", "campaign_id").write_csv().encode())
        for one in self.sendings:
            digest.update(repr((one.group, one.starts_day, one.ends_day, one.campaign_ids, one.user_ids)).encode())
            digest.update(b"".join(products.tobytes() for products in one.products))
        if len(self.issues):
            digest.update(self.issues.write_csv().encode())
            digest.update(b"".join(self.products[name].tobytes() for name in sorted(self.products)))
        return digest.hexdigest()[:16]


def coupon_history(
    campaigns: Sequence[StoredCampaign],
    segments: Sequence[SegmentMembers],
    redemptions: pl.DataFrame,
    catalogue: Sequence[CatalogueItem],
    persons: pl.DataFrame,
    known_users: Iterable[str],
    issues: pl.DataFrame,
) -> CouponHistory:
    """Put together what was sent and redeemed.

    Args:
        campaigns: a coupon each. Drafts, and what names as its `group` no segment, are left out: nobody got them, or
            nobody knows who did.
        segments: their members got the campaigns that have the segment's name as `group`.
        redemptions: REDEMPTIONS.
        persons: as `of_persons` takes it.
        known_users: the persons whose purchases may be learnt from; others are left out.
        issues: ISSUES; those of drafts, and of campaigns that hold no more, are left out.
    """
    members = _persons_of(segments, persons, frozenset(known_users))
    parsed = [campaign for stored in campaigns if stored.state != "draft" and (campaign := _parsed(stored)) is not None]
    everything = Catalogue.of(catalogue if parsed else (), spare=0)
    sent = sorted((campaign for campaign in parsed if members.get(campaign.group)), key=_together)
    sendings = [_sending(list(coupons), members, everything) for _, coupons in groupby(sent, key=_together)]
    issued = issues.join(_groups(parsed), on="campaign_id", how="inner", maintain_order="left")
    first_days = dict(issued.group_by("campaign_id").agg(pl.col("issued_day").min()).iter_rows())
    return CouponHistory(
        tuple(sorted(sendings, key=lambda one: (one.starts_day, one.group))),
        redemptions.join(_groups(sent), on="campaign_id").sort("day", "user_id", "campaign_id"),
        issued,
        {one.campaign_id: one.covered.rows(everything, first_days[one.campaign_id])
         for one in parsed if one.campaign_id in first_days},
    )  # fmt: skip


def read_redemptions(
    events: pl.LazyFrame, permissions: Permissions, persons: pl.DataFrame, until_day: float | None
) -> pl.DataFrame:
    """Redemptions out of the event log, as far as they may be learnt from: REDEMPTIONS, in no order.

    Args:
        events: EVENT_COLUMNS. persons: as `of_persons` takes it.
        until_day: only what happened before it, days since 1970-01-01 UTC; None: everything.
    """
    redeemed = events.filter(pl.col("event") == COUPON_REDEEMED)
    judged = permissions.judge(of_persons(redeemed, persons).filter(pl.col("user_id").is_not_null()))
    permitted = judged.filter(pl.col("verdict").is_in(ALLOWING)).select(
        "user_id", campaign_id=pl.col("properties").str.json_path_match("$.campaign_id"), day=day_of("occurred_at")
    )
    known = permitted.filter(pl.col("campaign_id").is_not_null())
    return (known if until_day is None else known.filter(pl.col("day") < until_day)).collect()


def _parsed(stored: StoredCampaign) -> Campaign | None:
    try:
        return stored.parse()
    except RecommenderError:  # it holds no more, by the rules of today: it is not offered either
        return None


def _groups(campaigns: Iterable[Campaign]) -> pl.DataFrame:
    rows = [(one.campaign_id, one.group) for one in campaigns]
    return pl.DataFrame(rows, schema={"campaign_id": pl.String(), "group": pl.String()}, orient="row")


def _together(campaign: Campaign) -> tuple[str, float, float]:
    """What the campaigns of one sending have in common."""
    return campaign.group, campaign.starts_at().timestamp(), campaign.ends_at().timestamp()


def _sending(coupons: list[Campaign], members: dict[str, tuple[str, ...]], catalogue: Catalogue) -> Sending:
    coupons.sort(key=lambda one: one.campaign_id)
    first = coupons[0]
    starts_day = first.starts_at().timestamp() / 86_400
    return Sending(
        group=first.group,
        starts_day=starts_day,
        ends_day=first.ends_at().timestamp() / 86_400,
        campaign_ids=tuple(one.campaign_id for one in coupons),
        products=tuple(one.covered.rows(catalogue, starts_day) for one in coupons),
        user_ids=members[first.group],
    )


def _persons_of(
    segments: Sequence[SegmentMembers], persons: pl.DataFrame, known: frozenset[str]
) -> dict[str, tuple[str, ...]]:
    others = dict(persons.filter(pl.col("kind") == USER_ID).select("value", "person").iter_rows())
    return {
        segment.segment_id: tuple(sorted({others.get(user, user) for user in segment.user_ids} & known))
        for segment in segments
    }
