"""What is answered to a request for offers, and what is logged of the decision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from math import ceil
from typing import Any

import msgspec
import orjson

from features.events.schema import OFFER_DECIDED
from features.events.stream import EventRow
from features.ledger.books import new_id, text_of
from features.ledger.values import Coupon
from recommender.consent import IN_STORE_LOCATION, PERSONALISATION
from recommender.offers.fatigue import Contact
from recommender.offers.layers import OfferRules
from recommender.offers.reasons import NoOffer
from serving.offers.arms import Place
from serving.offers.asks import Subject
from serving.offers.drawing import Drawn, Proposal
from serving.offers.settling import Made

ACTIONS = ["save", "dismiss", "less_like_this"]
WINDOWS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thought:
    """What a decision was made of, beside its draws.

    Attributes:
        considered: how many campaigns there were after each step.
        held_out: campaigns that this shopper would have been offered, were they not held out.
        features: by campaign what its worth came from: the chance of a redemption, and what it earns in minor units.
        model_version: of the artifact whose knowledge of the shopper counted.
    """

    considered: Mapping[str, int] = field(default_factory=dict[str, int])
    held_out: Sequence[str] = ()
    features: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    tiredness: float = 0.0
    contacts: Sequence[Contact] = ()
    model_version: str = ""


NOTHING_THOUGHT = Thought()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why there is no offer; `retry_at`: when it may be different, aware."""

    reasons: Sequence[NoOffer]
    place: Place | None = None
    retry_at: datetime | None = None
    thought: Thought = NOTHING_THOUGHT


def answer_without(refusal: Refusal, rules: OfferRules, now: datetime) -> Json:
    """The answer that there is no offer."""
    wait = None if refusal.retry_at is None else max(1, ceil((refusal.retry_at - now).total_seconds()))
    return _answer(rules, now, refusal.place) | {
        "outcome": "no_offer", "reason_codes": list(refusal.reasons), "retry_after_s": wait, "offers": [],
    }  # fmt: skip


def answer_with(made: Sequence[Made], proposal: Proposal) -> Json:
    """The answer with offers."""
    now = proposal.now
    offers = [_offer(one, now) for one in made]
    return _answer(proposal.rules, now, proposal.place) | {
        "outcome": "offer", "reason_codes": [], "retry_after_s": None, "offers": offers
    }  # fmt: skip


def record_of(
    answer: Json, drawn: Drawn | None, thought: Thought, rules: OfferRules, limit: int, now: datetime
) -> Json:
    """All that is needed to make the choice again, and to learn from it later; it names nobody."""
    choices = [] if drawn is None else drawn.choices
    return {
        "decision_id": answer["decision_id"],
        "outcome": answer["outcome"],
        "reasons": answer["reason_codes"],
        "limit": limit,
        "policy": msgspec.structs.asdict(rules.policy),
        "seed": None if drawn is None else drawn.seed,
        "draws": [
            {"arm": one.arm, "worth": one.worth, "propensities": one.propensities} for one in choices
        ],
        "refused": {} if drawn is None else drawn.refused,
        "considered": thought.considered,
        "held_out": thought.held_out,
        "features": {
            "hash": blake2b(orjson.dumps(thought.features, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest(),
            "version": thought.model_version,
        },
        "tiredness": thought.tiredness,
        "contacts": {
            name: sum(one.made_at > now - window for one in thought.contacts) for name, window in WINDOWS.items()
        },
        "caps": msgspec.to_builtins(rules.caps),
        "offers": [
            {
                "offer_id": one["offer_id"], "campaign_id": one["campaign_id"],
                "coupon_id": one["coupon"] and one["coupon"]["coupon_id"],
            }
            for one in answer["offers"]
        ],
    }  # fmt: skip


def event_of(record: Json, place: Json | None, subject: Subject, now: datetime) -> EventRow:
    """The row of the event log: one a decision; of several draws, its propensity is that of the first."""
    first = record["draws"][0] if record["draws"] else None
    policy, where = record["policy"], place or {"store_id": None, "zone_id": None}
    return {
        "event_id": record["decision_id"], "line": 0, "event": OFFER_DECIDED, "user_id": subject.user_id,
        "anonymous_id": subject.anonymous_id, "channel": "app",
        "store_id": where["store_id"], "zone_id": where["zone_id"],
        "policy": f"{policy['policy_id']}@{policy['version']}",
        "propensity": None if first is None else first["propensities"][first["arm"]],
        "consent": [PERSONALISATION, IN_STORE_LOCATION], "synthetic": False, "occurred_at": now, "received_at": now,
        "properties": orjson.dumps(record).decode(),
    }  # fmt: skip


def reasons_of(drawn: Drawn) -> list[NoOffer]:
    """Why nothing was drawn: none had room in its budget, or no offer won."""
    if drawn.choices:
        return [NoOffer.POLICY_NO_OFFER]
    order = [NoOffer.BUDGET_EXHAUSTED, NoOffer.FREQUENCY_CAP, NoOffer.NOT_ELIGIBLE, NoOffer.KILLED]
    return sorted(set(drawn.refused.values()), key=order.index)


def _answer(rules: OfferRules, now: datetime, place: Place | None) -> Json:
    return {
        "decision_id": new_id("dec"), "decided_at": text_of(now),
        "place": None if place is None else {"store_id": place.store_id, "zone_id": place.zone_id},
        "policy": {"id": rules.policy.policy_id, "version": rules.policy.version},
    }  # fmt: skip


def _offer(made: Made, now: datetime) -> Json:
    offered, campaign = made.offered, made.offered.arm.campaign
    return {
        "offer_id": made.offer_id, "campaign_id": campaign.campaign_id, "title": campaign.title,
        "valid_from": text_of(now), "valid_until": text_of(offered.ends_at), "items": offered.items,
        "coupon": None if made.coupon is None else _card(made.coupon, made.token), "why": offered.why,
        "actions": ACTIONS,
    }  # fmt: skip


def _card(coupon: Coupon, token: str) -> Json:
    return {
        "coupon_id": coupon.coupon_id, "code": coupon.code, "token": token, "redeem_at": coupon.stores,
        "max_discount": {"amount": coupon.most_discount, "currency": coupon.currency},
    }  # fmt: skip
