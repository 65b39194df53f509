"""What training learnt of the response to coupons."""

from dataclasses import dataclass

from recommender.arrays import Floats


@dataclass(frozen=True, slots=True)
class ResponseModel:
    """A logistic model on standardised features.

    Attributes:
        intercept: log-odds of the usual shopper and coupon.
        weights: (n_features,) log-odds a standard deviation, in the order of RESPONSE_FEATURES.
        means, spreads: (n_features,) mean and standard deviation of each; spreads are above 0.
    """

    intercept: float
    weights: Floats
    means: Floats
    spreads: Floats
