"""What a shopper's response to coupons is told from: one function for when it is learnt and when it is asked."""

import numpy as np

from recommender.arrays import Floats, Matrix
from recommender.catalogue import Catalogue
from recommender.offers.response_cards import Deck
from recommender.shopper import Shopper

# By name: what it means to people, where it speaks for the coupon and is above HOLDS_ABOVE.
WORDING = {
    "habit": "You often use coupons",
    "liking": "You buy this more than others do",
    "kind": "You buy things of this kind",
    "popular": "Popular with our shoppers",
    "lately": "You have bought a lot lately",
    "often": "You come often",
}
RESPONSE_FEATURES = tuple(WORDING)
# From where on the wording is true by itself: more redeemed than expected, a larger share than everybody's, any at all.
HOLDS_ABOVE = np.array([0.0, np.log(2.0), 0.0, 0.0, 0.0, 0.0], dtype=np.float32)
HABIT, LIKING = RESPONSE_FEATURES.index("habit"), RESPONSE_FEATURES.index("liking")
DAYS_A_WEEK = 7.0
SMALLEST = 1e-9  # in place of no purchases at all


def response_features(shopper: Shopper, deck: Deck, catalogue: Catalogue, now_day: float) -> Matrix:
    """What is known of one shopper and each coupon, all on a scale of logarithms.

    habit: coupons redeemed over those expected of somebody who was sent the same campaigns, each with one added.
    liking: share of the coupon's products in what the shopper bought, over their share in what everybody buys.
    kind: orders of items of the products' types. popular: recent buyers of the products. lately: items bought.
    often: orders a week since the first. Orders fade, with a half-life of 28 days for `lately` and of 120 otherwise.

    Returns:
        (n, len(RESPONSE_FEATURES)) float32.
    """
    purchases = shopper.purchases
    features = np.empty((len(deck), len(RESPONSE_FEATURES)), dtype=np.float32)
    total = max(float(purchases.decayed_long.sum()), SMALLEST)
    features[:, HABIT] = np.log((shopper.coupons_redeemed + 1.0) / (shopper.coupons_expected + 1.0))
    features[:, LIKING] = np.log1p(bought(shopper, deck) / total / deck.usual_share)
    features[:, 2] = np.log1p(_of_kinds(shopper, deck, catalogue))
    features[:, 3] = np.log1p(deck.buyers)
    features[:, 4] = np.log1p(purchases.decayed_short.sum())
    features[:, 5] = np.log1p(_orders_a_week(shopper, now_day))
    return features


def bought(shopper: Shopper, deck: Deck) -> Floats:
    """(n,) orders of the products of each coupon, fading with a half-life of 120 days."""
    return deck.products.sums(shopper.purchases.rows, shopper.purchases.decayed_long, len(deck))


def _of_kinds(shopper: Shopper, deck: Deck, catalogue: Catalogue) -> Floats:
    codes = catalogue.text["type"].codes[shopper.purchases.rows]
    return deck.types.sums(codes, shopper.purchases.decayed_long, len(deck))


def _orders_a_week(shopper: Shopper, now_day: float) -> float:
    if not shopper.n_baskets:
        return 0.0
    return shopper.n_baskets * DAYS_A_WEEK / max(now_day - shopper.first_day, DAYS_A_WEEK)
