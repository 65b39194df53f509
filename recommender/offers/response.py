"""How likely a shopper is to redeem a coupon, and what speaks for it. It says nothing of what the coupon changes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Floats, Mask, Matrix
from recommender.catalogue import Catalogue
from recommender.model import Model
from recommender.offers.response_cards import CouponCard, make_deck
from recommender.offers.response_features import HABIT, HOLDS_ABOVE, LIKING, RESPONSE_FEATURES, response_features
from recommender.offers.response_model import ResponseModel
from recommender.shopper import Shopper

FARTHEST = 6.0  # standard deviations from the mean; what lies beyond counts as that far
LEAST_LIKING = 0.1  # of products never bought


@dataclass(frozen=True, slots=True)
class Response:
    """How one shopper responds to n coupons.

    Attributes:
        probability: (n,) float32 in (0, 1), of redeeming the coupon while it is valid.
        contributions: (n, n_features) float32: by how much each of RESPONSE_FEATURES moves the log-odds, against the
            usual shopper and coupon.
        holds: (n, n_features) whether what WORDING says of the feature is so of this shopper and coupon.
        trained: False: no model was learnt, and the fallback answered.
    """

    probability: Floats
    contributions: Matrix
    holds: Mask
    trained: bool

    def why(self, place: int) -> tuple[tuple[str, float], ...]:
        """Features that speak for the coupon at `place`, and by how much; the strongest first.

        One that speaks for it by being small (who comes seldom, say) has no wording that is true, and is left out.
        """
        found = self.contributions[place]
        return tuple(
            (RESPONSE_FEATURES[at], float(found[at]))
            for at in np.argsort(-found, kind="stable")
            if found[at] > 0 and self.holds[place, at]
        )


def respond(
    model: Model,
    catalogue: Catalogue,
    shopper: Shopper,
    cards: Sequence[CouponCard],
    now_day: float,
    *,
    usual_rate: float,
) -> Response:
    """Ask how a shopper responds to coupons; without a trained model the fallback answers, with this usual rate."""
    features = response_features(shopper, make_deck(tuple(cards)), catalogue, now_day)
    if model.response is None:
        chance, terms, above = fallback_probability(features, usual_rate), fallback_terms(features), HOLDS_ABOVE
    else:
        chance, terms = response_probability(model.response, features), contributions(model.response, features)
        above = np.maximum(HOLDS_ABOVE, model.response.means)
    return Response(chance, terms, features > above, trained=model.response is not None)


def response_probability(model: ResponseModel, features: Matrix) -> Floats:
    """(n,) float32 in (0, 1) from (n, n_features): a logistic model."""
    return _odds_to_probability(contributions(model, features).sum(axis=1) + np.float32(model.intercept))


def contributions(model: ResponseModel, features: Matrix) -> Matrix:
    """(n, n_features) what each feature adds to the log-odds."""
    standard = (features - model.means) / model.spreads
    return (np.clip(standard, -FARTHEST, FARTHEST) * model.weights).astype(np.float32)


def fallback_probability(features: Matrix, usual_rate: float) -> Floats:
    """Past redemptions times product match, learnt from nothing: its order is to be trusted, its height is stated.

    Args:
        usual_rate: in (0, 1), of a shopper of whom nothing is known.
    """
    return _odds_to_probability(fallback_terms(features).sum(axis=1) + np.log(usual_rate / (1.0 - usual_rate)))


def fallback_terms(features: Matrix) -> Matrix:
    """(n, n_features) what the fallback makes of each feature, in log-odds; 0 for the most of them."""
    terms = np.zeros_like(features)
    terms[:, HABIT] = features[:, HABIT]
    terms[:, LIKING] = np.log((features[:, LIKING] + LEAST_LIKING) / LEAST_LIKING)
    return terms


def _odds_to_probability(log_odds: NDArray[np.floating]) -> Floats:
    return (1.0 / (1.0 + np.exp(-log_odds))).astype(np.float32)
