"""What may be offered in a place: campaigns with what they are for, as this worker's catalogue has it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from recommender.arrays import Mask, Rows
from recommender.catalogue import Catalogue
from recommender.offers.campaign import Campaign
from recommender.offers.fatigue import About
from recommender.places.places import Places
from recommender.places.presence import Presence
from recommender.rules.compiled import Facts, Rule

CHANNEL = "in_aisle"
LARGEST_CATEGORIES = 5  # that "less like this" goes by

ProductsOf = Callable[[Campaign, Catalogue, datetime], Rows]


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
    """

    campaign: Campaign
    rows: Rows
    categories: frozenset[int]
    about: About

    def shown(self, mask: Mask) -> Rows:
        """Rows of its items that a mask over the catalogue lets through."""
        return self.rows[mask[self.rows]]


class Arms:
    """All that may be offered, by place; keeps what it worked out of a campaign until the campaign or its items change.

    Args:
        running: campaigns that may be valid at a moment in some store.
        products_of: rows of the items of a campaign; the same array until they change.
    """

    def __init__(self, running: Callable[[datetime], Sequence[Campaign]], products_of: ProductsOf) -> None:
        self._running, self._products_of = running, products_of
        self._kept: dict[str, Arm] = {}

    def at(self, place: Place, catalogue: Catalogue, now: datetime) -> list[Arm]:
        """What is valid in this store now, has to do with this part of it, and is not sensitive."""
        return [arm for arm in self._valid(place, catalogue, now) if _concerns(arm, place)]

    def _valid(self, place: Place, catalogue: Catalogue, now: datetime) -> Iterator[Arm]:
        for campaign in self._running(now):
            here = campaign.stores is None or place.store_id in campaign.stores
            if here and not campaign.sensitive and campaign.codes == "unique" and campaign.is_valid_at(now, place.zone):
                yield self._arm(campaign, catalogue, now)

    def _arm(self, campaign: Campaign, catalogue: Catalogue, now: datetime) -> Arm:
        rows = self._products_of(campaign, catalogue, now)
        kept = self._kept.get(campaign.campaign_id)
        if kept is None or kept.campaign is not campaign or kept.rows is not rows:
            kept = self._kept[campaign.campaign_id] = _arm_of(campaign, rows, catalogue)
        return kept


def eligible(arms: Sequence[Arm], facts: Facts, catalogue: Catalogue) -> list[Arm]:
    """Arms whose rule is true of the shopper; each rule is asked once, for many campaigns share one."""
    verdicts: dict[Rule | None, bool] = {None: True}
    for arm in arms:
        rule = arm.campaign.eligibility
        if rule is not None and rule not in verdicts:
            verdicts[rule] = rule.evaluate({}, facts, catalogue) is True
    return [arm for arm in arms if verdicts[arm.campaign.eligibility]]


def _concerns(arm: Arm, place: Place) -> bool:
    return not place.categories or not place.categories.isdisjoint(arm.categories)


def _arm_of(campaign: Campaign, rows: Rows, catalogue: Catalogue) -> Arm:
    column = catalogue.text["category"]
    counted = Counter[int](column.codes[rows].tolist())
    largest = [code for code, _ in counted.most_common() if code >= 0][:LARGEST_CATEGORIES]
    about = About(
        channel=CHANNEL, campaign_id=campaign.campaign_id, topic=campaign.topic,
        categories=frozenset(column.words[code] for code in largest),
    )  # fmt: skip
    return Arm(campaign, rows, frozenset(counted), about)
