"""How well scores put what was redeemed before what was not, and how sure that is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Mask

Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, and between what it lies in 95 of 100 resamplings of the shoppers."""

    value: float
    low: float
    high: float


class Ranked:
    """Pairs in the order of their scores, sorted once, so that resampling costs a sum each.

    Pairs of the same score are one step: neither before the other.
    """

    def __init__(self, scores: NDArray[np.floating], redeemed: Mask) -> None:
        self._order = np.argsort(-scores, kind="stable")
        falling = scores[self._order]
        self._starts = np.flatnonzero(np.concatenate([[True], falling[1:] != falling[:-1]]))
        self._redeemed = redeemed[self._order].astype(np.float64)

    def auc(self, weights: Weights | None = None) -> float:
        """Chance that a redeemed pair has a higher score than another, ties half; NaN where one kind is missing."""
        hits, others = self._steps(weights)
        below = others.sum() - np.cumsum(others)
        pairs = hits.sum() * others.sum()
        return float((hits * (below + others / 2)).sum() / pairs) if pairs > 0 else float("nan")

    def average_precision(self, weights: Weights | None = None) -> float:
        """Area under precision over recall, by steps: precision at each score, by what recall it adds."""
        hits, others = self._steps(weights)
        found = np.cumsum(hits)
        precision = found / np.maximum(found + np.cumsum(others), 1e-12)
        return float((hits * precision).sum() / found[-1]) if found[-1] > 0 else float("nan")

    def recall_at(self, share: float) -> float:
        """Share of what was redeemed among the first `share` of the pairs; equal scores give their average."""
        return self._found(share) / float(self._redeemed.sum())

    def precision_at(self, share: float) -> float:
        """Share that was redeemed of the first `share` of the pairs."""
        return self._found(share) / (share * len(self._redeemed))

    def _found(self, share: float) -> float:
        hits, others = self._steps(None)
        reached, found = np.cumsum(hits + others), np.cumsum(hits)
        return float(np.interp(share * len(self._redeemed), np.r_[0.0, reached], np.r_[0.0, found]))

    def _steps(self, weights: Weights | None) -> tuple[Weights, Weights]:
        """Weight of redeemed and of other pairs at each distinct score, falling."""
        weight = np.ones(len(self._redeemed)) if weights is None else weights[self._order]
        hits = weight * self._redeemed
        return np.add.reduceat(hits, self._starts), np.add.reduceat(weight - hits, self._starts)


def resampled(
    ranked: Ranked, shoppers: NDArray[np.integer], n_samples: int, rng: np.random.Generator
) -> tuple[Interval, Interval]:
    """AUC and average precision with percentile intervals of a bootstrap over shoppers, each with all their pairs.

    Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    _, codes = np.unique(shoppers, return_inverse=True)
    n = int(codes.max()) + 1
    drawn = np.array([_both(ranked, np.bincount(rng.integers(0, n, n), minlength=n)[codes]) for _ in range(n_samples)])
    low, high = np.nanpercentile(drawn, [2.5, 97.5], axis=0)
    auc, precision = ranked.auc(), ranked.average_precision()
    return Interval(auc, float(low[0]), float(high[0])), Interval(precision, float(low[1]), float(high[1]))


def _both(ranked: Ranked, counts: NDArray[np.integer]) -> tuple[float, float]:
    weights = counts.astype(np.float64)
    return ranked.auc(weights), ranked.average_precision(weights)
