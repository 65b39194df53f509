"""Baselines that look at the order of purchases: what follows what, and shoppers with the same latest items."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from training.evaluate.baselines import Baseline, BaselineLists
from training.evaluate.collaborative import best_by_score
from training.evaluate.held_out import PastPurchases

MOST_STEPS = 10  # from one order to a later one
MOST_PAIRS = 20_000_000  # of items that rules are counted from: with large orders, fewer steps
LATEST_ORDERS = 10  # of the shopper who is asked about


def orders_of(past: PastPurchases) -> tuple[csr_matrix, NDArray[np.int64]]:
    """What was bought at one moment by one shopper, ascending by shopper and time.

    Returns:
        (n_orders, n_items) float32 of ones, and the shopper of each order.
    """
    by_time = np.lexsort((past.row, past.day, past.shopper))
    shopper, day, row = past.shopper[by_time], past.day[by_time], past.row[by_time]
    starts = np.concatenate([[True], (np.diff(shopper) != 0) | (np.diff(day) != 0)])[: len(shopper)]
    order = np.cumsum(starts) - 1
    entries = np.ones(len(row), dtype=np.float32)
    orders = csr_matrix((entries, (order, row)), shape=(int(starts.sum()), past.n_items))
    orders.sum_duplicates()
    orders.data[:] = 1.0
    return orders, shopper[starts].astype(np.int64)


def sequential_rules(past: PastPurchases) -> BaselineLists:
    """An item counts 1 / d for each order d steps later that has another; the shopper's latest orders count likewise.

    Source: Kamehkhosh, Jannach & Ludewig, "A Comparison of Frequent Pattern Techniques and a Deep Learning Method for
    Session-Based Recommendation", RecTemp 2017.
    """
    orders, shopper = orders_of(past)
    rules = csr_matrix((past.n_items, past.n_items), dtype=np.float32)
    sizes = np.diff(orders.indptr)
    pairs = 0
    for step in range(1, MOST_STEPS + 1):
        first = np.flatnonzero(shopper[step:] == shopper[:-step])
        pairs += int((sizes[first].astype(np.int64) * sizes[first + step]).sum())
        if not len(first) or (step > 1 and pairs > MOST_PAIRS):
            break
        rules = csr_matrix(rules + (orders[first].T @ orders[first + step]) / step)
    latest = latest_items(past, orders, shopper)

    def scores_of(shoppers: slice) -> NDArray[np.floating]:
        return csr_matrix(latest[shoppers] @ rules).toarray()

    return best_by_score(past, scores_of)


def nearest_shoppers(n_nearest: int) -> Baseline:
    """Shoppers who bought the latest items too, the later the better, vote for what they bought (VS-kNN).

    An item counts the more, the fewer shoppers bought it.

    Source: Ludewig & Jannach, UMUAI 2018, doi:10.1007/s11257-018-9209-6.
    """

    def lists(past: PastPurchases) -> BaselineLists:
        orders, shopper = orders_of(past)
        belongs = (np.ones(len(shopper), dtype=np.float32), (shopper, np.arange(len(shopper))))
        bought = csr_matrix(csr_matrix(belongs, shape=(past.n_shoppers, len(shopper))) @ orders)
        bought.data[:] = 1.0
        buyers = np.bincount(bought.indices, minlength=past.n_items)
        rarity = np.log((past.n_shoppers + 1.0) / (buyers + 1.0)).astype(np.float32)
        latest = latest_items(past, orders, shopper)

        def scores_of(shoppers: slice) -> NDArray[np.floating]:
            near = (latest[shoppers] @ bought.T).toarray()
            own = np.arange(shoppers.start, shoppers.stop)
            near[np.arange(len(own)), own] = 0.0
            return csr_matrix(_keep_largest(near, n_nearest) @ bought).toarray() * rarity

        return best_by_score(past, scores_of)

    return lists


def latest_items(past: PastPurchases, orders: csr_matrix, shopper: NDArray[np.int64]) -> csr_matrix:
    """(n_asked, n_items) of each shopper who is asked about: 1 / d for an item d orders ago, at most LATEST_ORDERS."""
    ends = np.searchsorted(shopper, np.arange(past.n_asked), side="right")
    starts = np.searchsorted(shopper, np.arange(past.n_asked))
    latest = csr_matrix((past.n_asked, past.n_items), dtype=np.float32)
    for step in range(1, LATEST_ORDERS + 1):
        have = np.flatnonzero(ends - step >= starts)
        chosen = csr_matrix(
            (np.full(len(have), 1.0 / step, dtype=np.float32), (have, ends[have] - step)),
            shape=(past.n_asked, len(shopper)),
        )
        latest = csr_matrix(latest + chosen @ orders)
    return latest


def _keep_largest(scores: NDArray[np.float32], kept: int) -> csr_matrix:
    """The largest entries above 0 of each row."""
    if scores.shape[1] > kept:
        least = np.partition(scores, -kept, axis=1)[:, -kept]
        scores[scores < least[:, None]] = 0.0
    return csr_matrix(scores)
