"""What an evaluation of the response to coupons found, as plain values."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Mask
from training.offers.metrics import Interval

EVERYONE, BOUGHT = "send to everyone", "bought a coupon product"
COUNTS, FALLBACK = "past redemptions x product match", "the cold-start fallback"
MODEL = "the model"
TENTHS = 10


@dataclass(frozen=True, slots=True)
class Scored:
    """One way to put pairs in order.

    Attributes:
        auc, average_precision: with 95 % intervals of a bootstrap over shoppers.
        recall_of_tenth: share of the redemptions in the first 10 % of the pairs.
        precision_of_hundredth: share redeemed of the first 1 %.
    """

    name: str
    auc: Interval
    average_precision: Interval
    recall_of_tenth: float
    precision_of_hundredth: float


@dataclass(frozen=True, slots=True)
class Tenth:
    """A tenth of the pairs by predicted probability, the most likely first.

    Attributes:
        predicted, redeemed: means. lift: redeemed over the mean of all pairs.
        low, high: 95 % interval of `redeemed` (Wilson), as if pairs were independent.
    """

    pairs: int
    predicted: float
    redeemed: float
    low: float
    high: float
    lift: float


@dataclass(frozen=True, slots=True)
class TypeReport:
    """The figures of the campaigns of one type."""

    name: str
    note: str
    pairs: int
    redeemed: int
    shoppers: int
    sendings: int
    results: tuple[Scored, ...]
    tenths: tuple[Tenth, ...]

    @property
    def base(self) -> float:
        """Share of the pairs that was redeemed."""
        return self.redeemed / self.pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponReport:
    """Everything found. Dates are those that the data had before `prepare` moved them by `shifted_weeks`.

    Attributes:
        too_late: sendings that are left out, since too little of them lies in the data.
        weights: of the model, log-odds a standard deviation of each feature.
    """

    split_at: str
    end_at: str
    shifted_weeks: int
    trained_on: int
    trained_on_redeemed: int
    trained_on_sendings: tuple[str, ...]
    tested_on_sendings: tuple[str, ...]
    too_late: tuple[str, ...]
    weights: Mapping[str, float]
    types: tuple[TypeReport, ...]
    code: str
    seed: int

    def as_json(self) -> str:
        """As programs read it."""
        return json.dumps({"uplift": False, **asdict(self)}, indent=2) + "\n"


def tenths(predicted: NDArray[np.floating], redeemed: Mask) -> tuple[Tenth, ...]:
    """Cut the pairs into tenths, the most likely first; fewer parts where there are fewer pairs."""
    order = np.argsort(-predicted, kind="stable")
    base = float(redeemed.mean())
    return tuple(_tenth(predicted[part], redeemed[part], base) for part in np.array_split(order, TENTHS) if len(part))


def _tenth(predicted: NDArray[np.floating], redeemed: Mask, base: float) -> Tenth:
    share, n = float(redeemed.mean()), len(redeemed)
    low, high = wilson(int(redeemed.sum()), n)
    return Tenth(n, float(predicted.mean(dtype=np.float64)), share, low, high, share / base if base else float("nan"))


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Interval of a share (Wilson, JASA 1927); n is above 0."""
    share = hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return max(middle - half, 0.0), min(middle + half, 1.0)
