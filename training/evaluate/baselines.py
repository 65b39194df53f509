"""The simple recommenders that a model must beat: what everyone buys, and what each shopper buys again."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from features.offline.numbers import distinct
from recommender.arrays import Mask, Rows
from training.evaluate.held_out import PastPurchases
from training.evaluate.metrics import NO_ITEM, Lists

LENGTH = 20  # items per list
RECENT_DAYS = 28.0  # what is popular with everyone when nothing else is known
DECAY_DAYS = 120.0  # a purchase this old counts 1 / e

Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BaselineLists:
    """What one baseline shows to each shopper who is asked about.

    Attributes:
        every: best 20 of all items.
        new: best 20 of those that the shopper had never bought.
        seconds: wall time to write both, once everything was learnt.
    """

    every: Lists
    new: Lists
    seconds: float


Baseline = Callable[[PastPurchases], BaselineLists]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Weighted interactions, one entry per shopper and item, ascending by both."""

    shopper: NDArray[np.int64]
    row: Rows
    weight: Weights


def weigh_pairs(past: PastPurchases, weights: Weights) -> Pairs:
    """Sum the weight of each entry of `past` over shopper and item."""
    key = past.shopper.astype(np.int64) * past.n_items + past.row
    keys, position = np.unique(key, return_inverse=True)
    summed = np.bincount(position, weights=weights, minlength=len(keys))
    return Pairs(
        shopper=keys // past.n_items, row=(keys % past.n_items).astype(np.int32), weight=summed.astype(np.float64)
    )


def buyers(past: PastPurchases, within_days: float = np.inf) -> NDArray[np.float64]:
    """(n_items,) distinct shoppers who bought each item in the last days before the cut."""
    recent = past.day >= past.cut_day - within_days
    key = past.shopper[recent].astype(np.int64) * past.n_items + past.row[recent]
    return np.bincount(distinct(key) % past.n_items, minlength=past.n_items).astype(np.float64)


def ages(past: PastPurchases) -> Weights:
    """Age of each entry in days, at the cut."""
    return past.cut_day - past.day


def popularity(past: PastPurchases) -> BaselineLists:
    """The items with most buyers, the same for all."""
    return personal_with_fallback(past, NO_PAIRS, buyers(past))


def recent_popularity(days: float) -> Baseline:
    """The items with most buyers in the last `days`, the same for all."""

    def lists(past: PastPurchases) -> BaselineLists:
        return personal_with_fallback(past, NO_PAIRS, buyers(past, days))

    return lists


def personal_frequency(past: PastPurchases) -> BaselineLists:
    """What the shopper bought in most orders; for what they never bought, recent popularity."""
    return personal_with_fallback(past, _orders_of_asked(past), buyers(past, RECENT_DAYS))


def personal_decay(past: PastPurchases) -> BaselineLists:
    """Personal frequency in which an order counts less the older it is."""
    asked = past.of_asked()
    decayed = weigh_pairs(asked, np.exp(-ages(asked) / DECAY_DAYS))
    return personal_with_fallback(past, decayed, buyers(past, RECENT_DAYS))


NO_PAIRS = Pairs(shopper=np.empty(0, np.int64), row=np.empty(0, np.int32), weight=np.empty(0))


def personal_with_fallback(past: PastPurchases, personal: Pairs, fallback: NDArray[np.float64]) -> BaselineLists:
    """Each shopper's own items by weight, then everyone's by `fallback`.

    Equal weights go by `fallback`, then by row. What is not for sale at the cut is left out.
    """
    started = perf_counter()
    by_fallback = np.argsort(-fallback, kind="stable").astype(np.int32)
    by_fallback = by_fallback[past.for_sale[by_fallback]]
    bought = _rows_by_shopper(past)
    order = _best_first(personal, fallback)
    own = personal.row[order]
    starts = np.searchsorted(personal.shopper[order], np.arange(past.n_asked + 1))
    every = np.full((past.n_asked, LENGTH), NO_ITEM, dtype=np.int32)
    new, marks = every.copy(), np.zeros(past.n_items, dtype=np.bool_)
    for shopper in range(past.n_asked):
        mine = own[starts[shopper] : starts[shopper + 1]]
        mine = mine[past.for_sale[mine]][:LENGTH]
        fill(every[shopper], mine, by_fallback, without=mine, marks=marks)
        fill(new[shopper], mine[:0], by_fallback, without=bought[shopper], marks=marks)
    return BaselineLists(every=every, new=new, seconds=perf_counter() - started)


def fill(places: Rows, first: Rows, then: Rows, *, without: Rows, marks: Mask) -> None:
    """Write `first` into the places, then the best of `then` that are not in `without`.

    `marks`: (n_items,) False throughout, and so it is left: a set of rows that costs nothing to make.
    """
    n_first = min(len(first), len(places))
    places[:n_first] = first[:n_first]
    enough = then[: len(without) + len(places)]
    marks[without] = True
    rest = enough[~marks[enough]][: len(places) - n_first]
    marks[without] = False
    places[n_first : n_first + len(rest)] = rest


def _best_first(pairs: Pairs, fallback: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.lexsort((pairs.row, -fallback[pairs.row], -pairs.weight, pairs.shopper))


def _orders_of_asked(past: PastPurchases) -> Pairs:
    """In how many orders each shopper who is asked about bought each item."""
    asked = past.of_asked()
    return weigh_pairs(asked, np.ones(len(asked.day)))


def _rows_by_shopper(past: PastPurchases) -> list[Rows]:
    pairs = _orders_of_asked(past)
    ends = np.searchsorted(pairs.shopper, np.arange(past.n_asked + 1))
    return [pairs.row[start:end] for start, end in pairwise(ends.tolist())]
