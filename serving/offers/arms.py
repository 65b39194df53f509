"""What may be offered in a place: campaigns with what they are for, as this worker's catalogue has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from recommender.arrays import Rows
from recommender.catalogue import Catalogue
from recommender.ids import StoreId
from recommender.model import Model
from recommender.offers.campaign import Campaign
from recommender.offers.fatigue import About
from recommender.offers.layers import largest_categories, sellable
from recommender.offers.response_cards import CouponCard, CouponCards
from recommender.offers.worth import Earnings
from recommender.places.places import Places
from recommender.places.presence import Presence
from recommender.rules.compiled import Facts
from serving.clock import day_of

CHANNEL = "in_aisle"
LOOKED_AT_EVERY = timedelta(hours=1)  # within it no campaign begins that `running` leaves out


class Campaigns(Protocol):
    """The active campaigns of this worker; `changes`: how often they were changed."""

    changes: int

    def running(self, now: datetime) -> Sequence[Campaign]:
        """Those that may be valid at a moment, or in the hours around it, in some store."""
        ...

    def products_of(self, campaign: Campaign, catalogue: Catalogue, now: datetime) -> Rows:
        """Rows of its items, ascending; the same array until they change."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where the shopper is; `categories`: codes of what is sold there, none: of everything."""

    store_id: str
    zone_id: str
    zone: ZoneInfo
    categories: frozenset[int]

    @classmethod
    def of(cls, presence: Presence, places: Places, catalogue: Catalogue, now: datetime) -> "Place":
        """The place of a presence, in the words of a catalogue."""
        column = catalogue.text["category"]
        codes = frozenset(column.code_of(word) for word in presence.zone.category_weights(now))
        timezone = ZoneInfo(places.stores[presence.store_id].timezone)
        return cls(presence.store_id, presence.zone.zone_id, timezone, codes)


@dataclass(frozen=True, slots=True)
class Arm:
    """A campaign that may be offered.

    Attributes:
        rows: of its items, ascending.
        categories: their codes; UNKNOWN among them if one has none.
        earned: minor units that a redemption earns, at the prices of when this was worked out.
    """

    campaign: Campaign
    rows: Rows
    categories: frozenset[int]
    about: About
    earned: float


@dataclass(frozen=True, slots=True)
class Valid:
    """Campaigns that may be offered in a store from `since` until `until`, unless some are changed meanwhile."""

    campaigns: Sequence[Campaign]
    changes: int
    since: datetime
    until: datetime


class Here:
    """What may be offered in one part of a store, of one catalogue that has not changed since.

    Attributes:
        arms: what is valid, has to do with this part of it, and is not sensitive.
        index_of: of each of them in `arms`, by campaign id.
        store_id: where that is.
    """

    def __init__(self, valid: Valid, arms: Sequence[Arm], store_id: str, catalogue: Catalogue) -> None:
        self.valid, self.arms = valid, arms
        self._rules = list(dict.fromkeys(arm.campaign.eligibility for arm in arms))
        self._rule_of = [self._rules.index(arm.campaign.eligibility) for arm in arms]
        self.index_of = {arm.campaign.campaign_id: index for index, arm in enumerate(arms)}
        self.store_id, self._catalogue = StoreId(store_id), catalogue
        self._sold_out = dict[int | None, frozenset[str]]()
        self._cards: tuple[str, tuple[CouponCard, ...]] | None = None  # and the version of the model, before them

    def sold_out(self, age: int | None) -> frozenset[str]:
        """Campaigns of whose items this store has none that somebody of this age (None: not stated) may buy."""
        if age not in self._sold_out:
            mask = sellable(self._catalogue, self.store_id, age)
            empty = (arm.campaign.campaign_id for arm in self.arms if not mask[arm.rows].any())
            self._sold_out[age] = frozenset(empty)
        return self._sold_out[age]

    def cards(self, kept: CouponCards, model: Model) -> tuple[CouponCard, ...]:
        """The card of each arm, in their order."""
        if self._cards is None or self._cards[0] != model.version:
            cards = tuple(kept.of(arm.campaign.campaign_id, arm.rows, self._catalogue, model) for arm in self.arms)
            self._cards = model.version, cards
        return self._cards[1]

    def eligible(self, facts: Facts) -> list[Arm]:
        """Arms whose rule is true of the shopper; each rule is asked once, for many campaigns share one."""
        allows = [rule is None or rule.evaluate({}, facts, self._catalogue) is True for rule in self._rules]
        return [arm for arm, place in zip(self.arms, self._rule_of, strict=True) if allows[place]]


class Arms:
    """All that may be offered, by place.

    What was worked out of a campaign is kept until it or its items change, or the day (UTC) ends; which ones are valid
    in a store, until one begins, ends or is changed; what is offered in a part of it, until the catalogue changes too.
    """

    def __init__(self, campaigns: Campaigns, earnings: Earnings) -> None:
        self._campaigns, self._earnings = campaigns, earnings
        self._today, self._arms = 0, dict[str, Arm]()
        self._valid = dict[tuple[str, str], Valid]()
        self._catalogue: tuple[Catalogue, int] | None = None  # and its version, of which `_here` is
        self._here = dict[tuple[str, str, frozenset[int]], Here]()

    def at(self, place: Place, catalogue: Catalogue, now: datetime) -> Here:
        """What may be offered in this part of a store now."""
        if self._today != (today := int(day_of(now))):
            self._today, self._arms, self._here = today, {}, {}
        if self._catalogue is None or self._catalogue[0] is not catalogue or self._catalogue[1] != catalogue.version:
            self._catalogue, self._here = (catalogue, catalogue.version), {}
        valid, part = self._valid_in(place, now), (place.store_id, place.zone.key, place.categories)
        here = self._here.get(part)
        if here is None or here.valid is not valid:
            arms = (self._arm(campaign, catalogue, now) for campaign in valid.campaigns)
            concerned = [arm for arm in arms if _concerns(arm, place)]
            here = self._here[part] = Here(valid, concerned, place.store_id, catalogue)
        return here

    def _valid_in(self, place: Place, now: datetime) -> Valid:
        store = place.store_id, place.zone.key
        kept = self._valid.get(store)
        if kept is None or kept.changes != self._campaigns.changes or not kept.since <= now < kept.until:
            kept = self._valid[store] = _valid_in(place, self._campaigns, now)
        return kept

    def _arm(self, campaign: Campaign, catalogue: Catalogue, now: datetime) -> Arm:
        rows = self._campaigns.products_of(campaign, catalogue, now)
        kept = self._arms.get(campaign.campaign_id)
        if kept is None or kept.campaign is not campaign or kept.rows is not rows:
            kept = self._arms[campaign.campaign_id] = _arm_of(campaign, rows, catalogue, self._earnings)
        return kept


def _concerns(arm: Arm, place: Place) -> bool:
    return not place.categories or not place.categories.isdisjoint(arm.categories)


def _valid_in(place: Place, campaigns: Campaigns, now: datetime) -> Valid:
    offered = [
        one
        for one in campaigns.running(now)
        if (one.stores is None or place.store_id in one.stores) and not one.sensitive and one.codes == "unique"
    ]
    turns = [turn for one in offered for turn in (one.starts_at(place.zone), one.ends_at(place.zone)) if turn > now]
    valid = [one for one in offered if one.is_valid_at(now, place.zone)]
    return Valid(valid, campaigns.changes, now, min([*turns, now + LOOKED_AT_EVERY]))


def _arm_of(campaign: Campaign, rows: Rows, catalogue: Catalogue, earnings: Earnings) -> Arm:
    about = About(
        channel=CHANNEL, campaign_id=campaign.campaign_id, topic=campaign.topic,
        categories=largest_categories(rows, catalogue),
    )  # fmt: skip
    categories = frozenset(catalogue.text["category"].codes[rows].tolist())
    return Arm(campaign, rows, categories, about, earnings.of(campaign, rows, catalogue))
