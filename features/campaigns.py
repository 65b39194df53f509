"""A campaign as it is kept, and what the ledger is told of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from features.ledger import values
from recommender.offers.campaign import Campaign, CampaignState, Limit, parse_campaign

Killed = Literal["", "offers", "coupons"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCampaign:
    """A campaign with the version that is in force.

    Attributes:
        killed: "": it was not. offers: no new ones. coupons: those issued are not redeemed either.
        definition: as it was sent.
        made_at, changed_at: RFC 3339, UTC.
        change_number: raised by every change, of its state too.
    """

    campaign_id: str
    state: CampaignState
    killed: Killed
    version: int
    definition: Mapping[str, Any]
    made_at: str
    changed_at: str
    change_number: int

    def parse(self) -> Campaign:
        """The campaign; raises InvalidCampaign or InvalidRule where it does not hold (any more)."""
        return parse_campaign(self.campaign_id, self.definition, self.version)


@dataclass(frozen=True, slots=True)
class CampaignVersion:
    """One version, and who made it when (RFC 3339, UTC)."""

    version: int
    definition: Mapping[str, Any]
    made_at: str
    actor: str


@dataclass(frozen=True, slots=True)
class SegmentMembers:
    """All members of a segment."""

    segment_id: str
    user_ids: tuple[str, ...]


def allowance_of(stored: StoredCampaign) -> values.Allowance:
    """What the ledger lets a campaign spend."""
    campaign = stored.parse()
    return values.Allowance(
        campaign_id=stored.campaign_id,
        version=stored.version,
        state="killed" if stored.killed == "coupons" else "open" if stored.state == "active" else "closed",
        timezone=campaign.timezone,
        currency=campaign.currency,
        budget=_limit(campaign.budget),
        per_day=_limit(campaign.budget.per_day),
        per_store=_limit(campaign.budget.per_store),
        caps=tuple(values.Cap(cap.most, cap.per, cap.of) for cap in campaign.caps),
        terms=stored.definition,
        shared=None if campaign.code is None else _shared_code(campaign, campaign.code),
    )


def _shared_code(campaign: Campaign, code: str) -> values.SharedCode:
    return values.SharedCode(
        code=code,
        most_discount=campaign.most_discount,
        stores=tuple(sorted(campaign.stores or ())),
        valid_from=campaign.starts_at(),
        valid_until=campaign.ends_at(),
    )


def _limit(limit: Limit) -> values.Limit:
    return values.Limit(limit.count, limit.money)
