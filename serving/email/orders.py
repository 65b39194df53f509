"""What a sender orders for a send, and what the shop's decisions give for it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from recommender.catalogue import CatalogueItem
from recommender.email.blocks import BlockSpec
from recommender.email.holding import CHANNEL
from recommender.ids import PlacementId, StoreId, UserId
from recommender.lockstep import Work
from recommender.offers.campaign import Campaign
from recommender.offers.fatigue import About
from recommender.offers.reasons import NoOffer


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Who gets a message.

    Attributes:
        market: whose law counts; None: that of the store, else the default's.
        store_id: whose stock and popularity count; None: the chain's.
        age: in years, if the caller vouches for it.
    """

    user_id: UserId
    market: str | None = None
    store_id: StoreId | None = None
    age: int | None = None


@dataclass(frozen=True, slots=True)
class OfferOrder:
    """An offer that a block is to carry.

    Attributes:
        title, terms: as the mail says them; without a title that of the campaign.
        days: how long a coupon is valid from when its reader asks for it, unless the campaign ends before.
    """

    campaign_id: str
    title: str | None
    terms: str | None
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockOrder:
    """One block of every message of a send.

    Attributes:
        placements: asked in this order, until one has enough of its own.
        filter: a rule that every item must satisfy.
        offer: None: the block carries none.
        asked: the whole order as JSON, by which a repetition is known.
    """

    spec: BlockSpec
    placements: tuple[PlacementId, ...]
    category: str | None = None
    filter: str | None = None
    offer: OfferOrder | None = None
    asked: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOrder:
    """Blocks for many recipients.

    Attributes:
        distinct_sends: how many sends before this one a product must not have been in.
        locale: BCP 47; how prices are written.
    """

    send_id: str
    blocks: tuple[BlockOrder, ...]
    recipients: tuple[Recipient, ...]
    distinct_sends: int
    locale: str

    @property
    def campaign_ids(self) -> list[str]:
        """Campaigns that its blocks are to offer."""
        return [block.offer.campaign_id for block in self.blocks if block.offer is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A list that is asked for one recipient.

    Attributes:
        exclude: items that must not appear, nor others of their groups.
        pictured: whether only items with a picture may appear.
    """

    placement: PlacementId
    limit: int
    category: str | None
    filter: str | None
    pictured: bool
    exclude: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailList:
    """The items of a list, best first.

    Attributes:
        sources: of each item, what proposed it.
        personalised, fallback, degraded: as a recommendation says them.
        record: writes down which of the items were shown, by id.
    """

    recommendation_id: str
    model_version: str
    items: tuple[CatalogueItem, ...]
    sources: tuple[str, ...]
    personalised: bool
    fallback: str
    degraded: tuple[str, ...]
    record: Callable[[Sequence[str]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Meant:
    """A campaign that may be offered, and what the contact is about that it makes."""

    campaign: Campaign
    about: About


@dataclass(frozen=True, slots=True)
class Known:
    """Some recipients as they may be known now, by user id.

    Attributes:
        refused: nothing personal of these may be used; that is certain, as it is not while Redis is gone.
        unsure: nothing personal of these can be used, as Redis is gone.
        decide_all: a list for each that is named, with pauses; raises as a recommendation does.
        why_not: why a campaign is not for somebody, by its rule and what can be bought; None: it is.
        categories_of: what a campaign is for, as its contacts say it.
    """

    refused: frozenset[str]
    unsure: frozenset[str]
    decide_all: Callable[[Mapping[str, Wanted]], Work[dict[str, MailList]]]
    why_not: Callable[[str, Campaign], NoOffer | None]
    categories_of: Callable[[Campaign], frozenset[str]]

    def meant(self, campaign: Campaign) -> Meant:
        """A campaign, with the contact that its coupon makes."""
        categories = self.categories_of(campaign)
        about = About(
            channel=CHANNEL, campaign_id=campaign.campaign_id, topic=campaign.topic, categories=categories
        )  # fmt: skip
        return Meant(campaign, about)


Offerable = Mapping[str, Campaign | NoOffer]  # by campaign id: what may be offered to a recipient, or why it may not
