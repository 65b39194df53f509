"""Who would get the coupons of a campaign, as far as the artifact knows its shoppers."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import perf_counter

from features.ledger.values import Balance
from features.online.live_events import NO_LIVE_EVENTS
from features.shopper import assemble
from recommender.arrays import EMPTY_ROWS
from recommender.facts import facts_of
from recommender.ids import PlacementId
from recommender.offers.campaign import Campaign
from recommender.offers.campaign_cost import Cost
from recommender.offers.campaign_lint import Finding
from recommender.query import Query
from serving.campaigns.registry import Segments
from serving.current import Serving

LOOKED_AT = 2_000  # shoppers, spread evenly over all that are known
SLICE_SECONDS = 0.004
NOWHERE = Query(placement=PlacementId(""), limit=1)


@dataclass(slots=True)
class Reach:
    """How many of the shoppers that were looked at may get the coupon.

    Attributes:
        known: shoppers that the artifact knows.
        unknown: of whom the rule cannot be judged; they would not get it.
    """

    known: int
    looked_at: int = 0
    eligible: int = 0
    unknown: int = 0

    @property
    def estimate(self) -> int:
        """Eligible among all that are known; exact if all were looked at."""
        return round(self.eligible / self.looked_at * self.known) if self.looked_at else 0

    def add(self, verdict: bool | None) -> None:
        """Count one shopper; None: cannot be judged."""
        self.looked_at += 1
        self.eligible += verdict is True
        self.unknown += verdict is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Who would get a campaign, and what it costs at most; None: there is no artifact to tell."""

    campaign: Campaign
    products: int | None
    reach: Reach | None
    cost: Cost
    cost_of_known: Cost
    used: Balance
    findings: list[Finding]
    caveats: list[str]


def judge_shoppers(campaign: Campaign, serving: Serving, segments: Segments, now_day: float) -> Iterator[bool | None]:
    """Judge up to LOOKED_AT known shoppers by what they bought and which segments they are in, in a fixed order."""
    histories, catalogue = serving.model.histories, serving.catalogue
    users = list(dict(zip(histories.position_of.values(), histories.position_of, strict=True)).values())
    step = max(1, -(-len(users) // LOOKED_AT))
    for user_id in users[::step]:
        if campaign.eligibility is None:
            yield True
            continue
        known = assemble(
            user_id=user_id, live=NO_LIVE_EVENTS, histories=histories, catalogue=catalogue, now_day=now_day
        )
        shopper = replace(known, segments=segments.of(user_id))
        facts = facts_of(NOWHERE, shopper, EMPTY_ROWS, None, catalogue, now_day)
        yield campaign.eligibility.evaluate({}, replace(facts, basket={}, context={}), catalogue)


async def measure_reach(campaign: Campaign, serving: Serving, segments: Segments, now_day: float) -> Reach:
    """Count eligible shoppers, in short slices, so that requests are answered in between."""
    reach, started = Reach(len(serving.model.histories.n_baskets)), perf_counter()
    for verdict in judge_shoppers(campaign, serving, segments, now_day):
        reach.add(verdict)
        if perf_counter() - started > SLICE_SECONDS:
            await asyncio.sleep(0)
            started = perf_counter()
    return reach


def caveats_of(campaign: Campaign, reach: Reach | None) -> list[str]:
    """What the figures of a preview leave out."""
    caveats = ["Whether a shopper allows it, caps over all channels, and relevance are judged at each request."]
    if reach is None:
        caveats.append("Nothing is known of shoppers until a model is trained.")
    else:
        caveats.append(
            "Visitors that the artifact does not know, and what happened after it was made, are not counted."
        )
        if reach.looked_at < reach.known:
            caveats.append(f"Estimated from {reach.looked_at} shoppers: at most {LOOKED_AT} are looked at.")
        if reach.unknown:
            caveats.append("Of some, a fact that the rule asks for is not known; what depends on basket, place or "
                           "time is known only at the request.")  # fmt: skip
    if campaign.holdout:
        caveats.append(f"{campaign.holdout:.0%} of them are held out and never get it.")
    return caveats
