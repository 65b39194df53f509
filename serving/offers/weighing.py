"""Which campaigns are left for a shopper in a place, and what each is worth; pure, on one worker's catalogue."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import numpy as np

from recommender.catalogue import Catalogue
from recommender.facts import facts_of
from recommender.ids import PlacementId, StoreId, UserId
from recommender.offers import layers
from recommender.offers.fatigue import Contact
from recommender.offers.layers import OfferRules
from recommender.offers.products import shown_first
from recommender.offers.reasons import NoOffer
from recommender.offers.response import respond
from recommender.offers.response_cards import CouponCards
from recommender.offers.response_features import WORDING
from recommender.query import Query
from recommender.rules.facts import Facts
from recommender.shopper import Purchases, Shopper
from serving.clock import day_of
from serving.current import Serving
from serving.offers.answers import Refusal, Thought
from serving.offers.arms import CHANNEL, Arm, Arms, Here, Place
from serving.offers.asks import Ask
from serving.offers.drawing import Proposal

ITEMS_SHOWN = 5
REASONS_SHOWN = 2  # of what speaks for an offer, the strongest
Layer = tuple[NoOffer, Callable[[Arm], bool]]
RENEWED = timedelta(minutes=30)  # until then the same state in the same zone gives the same draw, however often asked


@dataclass(frozen=True, kw_only=True)
class Weighing:
    """The layers that look at each campaign, in their order, and the worth of what passes all of them.

    Attributes:
        segments_of: all segments of the person who has a user id.
        cards: what the chance of a redemption depends on in the coupons.
    """

    rules: OfferRules
    arms: Arms
    segments_of: Callable[[UserId], frozenset[str]]
    cards: CouponCards

    def __call__(
        self, ask: Ask, place: Place, shopper: Shopper, contacts: Sequence[Contact], serving: Serving, now: datetime
    ) -> Refusal | tuple[Proposal, Thought]:
        """What may be offered here and now, or why nothing may."""
        catalogue, now_day = serving.catalogue, day_of(now)
        here = self.arms.at(place, catalogue, now)
        meant = here.eligible(self._facts(ask, place, shopper, catalogue, now_day)) if here.arms else []
        left, reasons = self._sift(meant, here.sold_out(ask.age), place, shopper.purchases, contacts, catalogue, now)
        if not meant:
            reasons = [NoOffer.NOT_ELIGIBLE if here.arms else NoOffer.NO_RELEVANT_OFFER]
        shopper_name = "\n".join(ask.subject.holder)
        held_out = [arm for arm in left if _is_held_out(arm, shopper_name)]
        if left and len(held_out) == len(left):
            reasons = [NoOffer.HOLDOUT]
        arms = {arm.campaign.campaign_id: arm for arm in left if arm not in held_out}
        tiredness = self.rules.tiredness.score(contacts, now)
        if arms and (refused := layers.fatigue(self.rules, tiredness)) is not None:
            reasons = [refused.reason]
        features, reasons_for = self._features(arms, here, shopper, serving, now_day)
        thought = Thought(
            considered={"here": len(here.arms), "eligible": len(meant), "left": len(left), "held_out": len(held_out)},
            held_out=[arm.campaign.campaign_id for arm in held_out],
            features=features,
            tiredness=tiredness,
            contacts=contacts,
            model_version=serving.model.version,
        )
        if reasons:
            return Refusal(reasons=reasons, place=place, thought=thought)
        cost = self.rules.annoyance.cost(tiredness)
        window, _ = divmod(now.timestamp(), RENEWED.total_seconds())
        for_sale = partial(layers.sellable_among, catalogue=catalogue, store_id=here.store_id, age=ask.age)
        proposal = Proposal(
            ask=ask,
            place=place,
            arms=arms,
            worth={name: chance * earned - cost for name, (chance, earned) in features.items()},
            contacts=contacts,
            rules=self.rules,
            occasion=f"{place.zone_id}\n{window:.0f}",
            renewed_at=now + RENEWED - timedelta(seconds=now.timestamp() % RENEWED.total_seconds()),
            show=lambda arm: (
                [
                    catalogue.items.item_id(row)
                    for row in shown_first(arm.rows, shopper.purchases, for_sale, ITEMS_SHOWN)
                ],
                reasons_for(arm) or ["In the aisle where you are" if place.categories else "In this store"],
            ),
            now=now,
        )
        return proposal, thought

    def _facts(self, ask: Ask, place: Place, shopper: Shopper, catalogue: Catalogue, now_day: float) -> Facts:
        """What a campaign's rule may ask of the shopper: before the layers above it, which say nothing of others."""
        user_id = ask.subject.user_id
        segments = frozenset[str]() if user_id is None else self.segments_of(user_id)
        known = replace(shopper, segments=segments, age=ask.age, store_id=place.store_id, zone_id=place.zone_id)
        query = Query(placement=PlacementId(CHANNEL), limit=1, store_id=StoreId(place.store_id))
        rows = [row for item_id in ask.cart if (row := catalogue.row_of(item_id)) >= 0]
        cart = np.array(list(dict.fromkeys([*rows, *shopper.cart.tolist()])), dtype=np.int32) if rows else shopper.cart
        return facts_of(query, known, cart, ask.age, catalogue, now_day)

    def _sift(
        self,
        arms: Sequence[Arm],
        sold_out: Set[str],
        place: Place,
        purchases: Purchases,
        contacts: Sequence[Contact],
        catalogue: Catalogue,
        now: datetime,
    ) -> tuple[list[Arm], list[NoOffer]]:
        """What is left by the layers that can refuse anything: of most people there are no contacts."""
        rules, bought = self.rules, layers.bought_lately(self.rules, purchases, catalogue, day_of(now))
        of_contacts: list[Layer] = [
            (
                NoOffer.FREQUENCY_CAP,
                lambda arm: layers.campaign_caps(rules, contacts, arm.about, now, place.zone) is None,
            ),
            (NoOffer.COOLDOWN, lambda arm: layers.after_refusal_of(rules, contacts, arm.about, now) is None),
        ]
        of_purchases: list[Layer] = [
            (NoOffer.RECENTLY_BOUGHT, lambda arm: not layers.recently_bought(arm.categories, bought))
        ]
        of_stock: list[Layer] = [(NoOffer.OUT_OF_STOCK, lambda arm: arm.campaign.campaign_id not in sold_out)]
        asked = (of_contacts, contacts), (of_purchases, bought), (of_stock, sold_out)
        return layers.sift(arms, [layer for these, facts in asked if facts for layer in these])

    def _features(
        self, arms: Mapping[str, Arm], here: Here, shopper: Shopper, serving: Serving, now_day: float
    ) -> tuple[dict[str, tuple[float, float]], Callable[[Arm], list[str]]]:
        """By campaign the chance of a redemption, and what one earns in minor units; and what speaks for an arm.

        The chance is asked of all that there are here: what is left differs from shopper to shopper, and a deck of
        cards for each would be put together, and held, again and again.
        """
        model, catalogue, usual_rate = serving.model, serving.catalogue, self.rules.earnings.usual_rate
        cards = here.cards(self.cards, model) if arms else ()
        response = respond(model, catalogue, shopper, cards, now_day, usual_rate=usual_rate)
        chances = response.probability.tolist()
        features = {name: (chances[here.index_of[name]], arm.earned) for name, arm in arms.items()}

        def reasons_for(arm: Arm) -> list[str]:
            found = response.why(here.index_of[arm.campaign.campaign_id])
            return [WORDING[name] for name, _ in found[:REASONS_SHOWN]]

        return features, reasons_for


def _is_held_out(arm: Arm, shopper: str) -> bool:
    share = arm.campaign.holdout
    return share > 0 and layers.is_held_out(shopper, arm.campaign.campaign_id, share)
