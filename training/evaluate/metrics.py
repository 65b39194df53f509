"""Quality of recommended lists against what was bought afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Mask, Offsets, Rows
from training.evaluate.bootstrap import Interval, intervals

Lists = NDArray[np.int32]  # (n_shoppers, k) item rows, best first, no repeats in a list; -1 pads a list that ran out
PerShopper = NDArray[np.float64]  # (n_shoppers,)

NO_ITEM = -1


@dataclass(frozen=True, slots=True)
class Relevant:
    """The items that count as right for each shopper (CSR by shopper).

    Attributes:
        offsets: (n_shoppers + 1,) those of shopper s lie in rows[offsets[s] : offsets[s + 1]].
        rows: item rows, no repeats within one shopper.
    """

    offsets: Offsets
    rows: Rows

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def of(self, shopper: int) -> Rows:
        """The items that are right for one shopper."""
        return self.rows[self.offsets[shopper] : self.offsets[shopper + 1]]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(n_shoppers,) how many items are right for each shopper."""
        return np.diff(self.offsets)

    @property
    def shoppers(self) -> NDArray[np.int64]:
        """(len(rows),) the shopper of each entry."""
        return np.repeat(np.arange(len(self)), self.sizes)


def hits(lists: Lists, relevant: Relevant) -> Mask:
    """Which places of each list hold a right item; (n_shoppers, k)."""
    base = max(int(relevant.rows.max(initial=0)), int(lists.max(initial=0))) + 1
    right = relevant.shoppers * base + relevant.rows
    shown = np.arange(len(lists))[:, None] * base + lists
    return np.isin(shown, right) & (lists != NO_ITEM)


def recall(hit: Mask, relevant: Relevant, k: int) -> PerShopper:
    """Share of all right items that stand in the first k places; NaN for a shopper without right items.

    It divides by the whole set, not by min(k, size): a shopper who bought 50 items cannot get above k / 50.
    """
    return _divide(hit[:, :k].sum(axis=1), relevant.sizes)


def hit_rate(hit: Mask, relevant: Relevant, k: int) -> PerShopper:
    """1 where any of the first k places is right, else 0; NaN for a shopper without right items."""
    return np.where(relevant.sizes > 0, hit[:, :k].any(axis=1), np.nan)


def ndcg(hit: Mask, relevant: Relevant, k: int) -> PerShopper:
    """Discounted gain of the first k places over that of the best list there can be; NaN without right items.

    Gain is 1 for a right item, the discount of place i (from 1) is log2(i + 1). The best list holds right items in its
    first min(k, size) places.

    Source: Järvelin & Kekäläinen, TOIS 2002, doi:10.1145/582415.582418, with binary gains.
    """
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    best = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(relevant.sizes, k)]
    shown = hit[:, :k]
    return _divide(shown @ discounts[: shown.shape[1]], best)


def coverage(lists: Lists, n_assortment: int, k: int) -> float:
    """Distinct items in the first k places of all lists, as a share of the assortment."""
    shown = lists[:, :k]
    return len(np.unique(shown[shown != NO_ITEM])) / n_assortment


def mean_popularity_rank(lists: Lists, popularity: NDArray[np.floating], k: int) -> float:
    """Mean rank by popularity (1: the item with most buyers) of what stands in the first k places.

    Args:
        popularity: (n_items,) buyers of each item; equals rank by row, so the result is the same every time.
    """
    rank = np.empty(len(popularity), dtype=np.int64)
    rank[np.argsort(-popularity, kind="stable")] = np.arange(1, len(popularity) + 1)
    shown = lists[:, :k]
    return float(rank[shown[shown != NO_ITEM]].mean())


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the lists of one recommender are.

    Attributes:
        per_shopper: metric name ("ndcg@10", "recall@20", ...) -> (n_shoppers,), NaN where nothing was right.
        coverage, popularity_rank: over the first 20 places of all lists.
    """

    per_shopper: Mapping[str, PerShopper]
    coverage: float
    popularity_rank: float

    def mean(self, metric: str) -> float:
        """Mean over the shoppers who have right items."""
        return float(np.nanmean(self.per_shopper[metric]))

    def means(self) -> dict[str, float]:
        """Every metric's mean, and what is known of the lists as a whole."""
        named = {metric: self.mean(metric) for metric in self.per_shopper}
        return named | {"coverage@20": self.coverage, "popularity_rank@20": self.popularity_rank}


def quality(lists: Lists, relevant: Relevant, *, popularity: NDArray[np.floating], n_assortment: int) -> Quality:
    """Measure lists of 20 items, one per shopper."""
    hit = hits(lists, relevant)
    per_shopper = {
        f"{name}@{k}": measure(hit, relevant, k)
        for name, measure in (("ndcg", ndcg), ("recall", recall), ("hit_rate", hit_rate))
        for k in (10, 20)
    }
    return Quality(
        per_shopper=per_shopper,
        coverage=coverage(lists, n_assortment, 20),
        popularity_rank=mean_popularity_rank(lists, popularity, 20),
    )


def difference(ours: PerShopper, theirs: PerShopper, rng: np.random.Generator) -> Interval:
    """How much better one recommender is than another: mean of ours minus theirs, and its interval.

    Both were measured on the same shoppers; those without right items in either are left out.
    """
    paired = ours - theirs
    paired = paired[~np.isnan(paired)]
    return intervals(paired[:, None], rng)[0]


def _divide(part: NDArray[np.generic], whole: NDArray[np.generic]) -> PerShopper:
    result = np.full(len(whole), np.nan)
    np.divide(part, whole, out=result, where=whole > 0)  # type: ignore
    return result
