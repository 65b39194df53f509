"""Which item follows which: what shoppers order next after an order with another."""

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.model import Neighbours
from training.models.best_per_row import best_per_row, entries_of

KEPT = 30  # followers of an item
STEPS = 10  # orders later that still count, 1 / step each
PRIOR = 5.0  # pairs that are added to those of each item, so that few of them say little
MOST_PAIRS = 15_000_000  # of items; of more, the latest orders count


def fit_followers(purchases: pl.DataFrame, n_items: int) -> Neighbours:
    """Followers of each item: share of what came after it, pairs of orders further apart counting less.

    In: user u32, order u32, item_row i32, day f64; at most one row per (order, item).

    Source: Kamehkhosh, Jannach & Ludewig, "A Comparison of Frequent Pattern Techniques and a Deep Learning Method for
    Session-Based Recommendation", RecTemp 2017.
    """
    orders, user, day = _orders(purchases, n_items)
    counts = csr_matrix((n_items, n_items), dtype=np.float32)
    left = MOST_PAIRS
    for step in range(1, STEPS + 1):
        first = np.flatnonzero(user[step:] == user[:-step])
        first, left = _latest(first, day[first + step], np.diff(orders.indptr), step, left)
        counts = csr_matrix(counts + (orders[first].T @ orders[first + step]) / step)
    out = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
    rows, columns, scores = entries_of(counts)
    shares = (scores / (out[rows] + PRIOR)).astype(np.float32)
    other = rows != columns
    return best_per_row(rows[other], columns[other], shares[other], n_items, KEPT)


def _orders(purchases: pl.DataFrame, n_items: int) -> tuple[csr_matrix, NDArray[np.int64], NDArray[np.float64]]:
    """(n_orders, n_items) of ones, and shopper and day of each order; ascending by shopper and time."""
    of_line = purchases["order"].to_numpy()
    n_numbers = int(of_line.max()) + 1 if len(of_line) else 0
    user, day = np.full(n_numbers, -1, dtype=np.int64), np.full(n_numbers, np.inf)
    user[of_line] = purchases["user"].to_numpy()
    np.minimum.at(day, of_line, purchases["day"].to_numpy())
    by_time = np.lexsort((day, user))[np.count_nonzero(user < 0) :]  # first come numbers of which no line is left
    place = np.empty(n_numbers, dtype=np.int32)
    place[by_time] = np.arange(len(by_time), dtype=np.int32)
    lines = (np.ones(len(of_line), np.float32), (place[of_line], purchases["item_row"].to_numpy()))
    return csr_matrix(lines, shape=(len(by_time), n_items)), user[by_time], day[by_time]


def _latest(
    first: NDArray[np.int64], day: NDArray[np.float64], sizes: NDArray[np.int32], step: int, left: int
) -> tuple[NDArray[np.int64], int]:
    """The latest pairs of orders that make up to `left` pairs of items, and how many are left after them."""
    by_age = np.argsort(-day, kind="stable")
    pairs = np.cumsum(sizes[first[by_age]].astype(np.int64) * sizes[first[by_age] + step])
    n_kept = int(np.searchsorted(pairs, left, side="right"))
    return np.sort(first[by_age[:n_kept]]), left - (int(pairs[n_kept - 1]) if n_kept else 0)
