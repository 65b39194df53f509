"""The draw of an offer among what has room; pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from recommender.offers.choose import NO_OFFER, Choice, choose
from recommender.offers.fatigue import Contact
from recommender.offers.layers import OfferRules, campaign_caps, contact_caps
from recommender.offers.reasons import NoOffer
from serving.offers.arms import Arm, Place
from serving.offers.asks import Ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What may be offered.

    Attributes:
        worth: of each arm by campaign id, in minor units.
        occasion: what the draws of this person come from, beside the secret.
        renewed_at: when the next one begins, aware.
        show: the ids of items to show with an arm, and why it is offered.
        contacts: what the arms were sifted by.
        rules: whose caps hold, and whose policy draws.
    """

    ask: Ask
    place: Place
    arms: Mapping[str, Arm]
    worth: Mapping[str, float]
    contacts: Sequence[Contact]
    rules: OfferRules
    occasion: str
    renewed_at: datetime
    show: Callable[[Arm], tuple[list[str], list[str]]]
    now: datetime


@dataclass(frozen=True, slots=True)
class Offered:
    """An arm that was drawn.

    Attributes:
        items: ids of those to show with it.
        why: it is offered.
        ends_at: when its coupon does, aware.
    """

    arm: Arm
    items: Sequence[str]
    why: Sequence[str]
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a draw gave.

    Attributes:
        choices: each, in order; the last may be for no offer.
        offers: what was chosen otherwise.
        refused: what the ledger has no room for, and why; these were no arms of the draws.
        seed: of the draws.
    """

    choices: Sequence[Choice]
    offers: Sequence[Offered]
    refused: Mapping[str, NoOffer]
    seed: str


def draw(proposal: Proposal, refused: Mapping[str, NoOffer], seed: str) -> Drawn:
    """Draw up to as many arms as were asked for from those that have room, each from those that the caps leave."""
    rules, limit, choices, drawn = proposal.rules, proposal.ask.limit, list[Choice](), list[Arm]()
    left = {name: worth for name, worth in proposal.worth.items() if name not in refused}
    counted = list(proposal.contacts)
    while left and len(drawn) < limit:
        choices.append(choose(left, rules.policy, seed, len(drawn)))
        if choices[-1].arm == NO_OFFER:
            break
        drawn.append(proposal.arms[choices[-1].arm])
        if len(drawn) < limit:  # as seldom: nobody asks what could come after the last
            counted.append(Contact(about=drawn[-1].about, made_at=proposal.now))
            left = {
                name: worth
                for name, worth in left.items()
                if name != choices[-1].arm and _allows(proposal, counted, proposal.arms[name])
            }
    return Drawn(choices, [_offered(proposal, arm) for arm in drawn], refused, seed)


def _offered(proposal: Proposal, arm: Arm) -> Offered:
    ends = arm.campaign.ends_at(proposal.place.zone)
    return Offered(arm, *proposal.show(arm), min(proposal.now + timedelta(hours=arm.campaign.coupon_hours), ends))


def _allows(proposal: Proposal, counted: Sequence[Contact], arm: Arm) -> bool:
    """Whether the caps allow one more contact, after those that this very decision made."""
    rules, now, zone = proposal.rules, proposal.now, proposal.place.zone
    return not (
        contact_caps(rules, counted, arm.about, now, zone) or campaign_caps(rules, counted, arm.about, now, zone)
    )
