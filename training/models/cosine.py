"""Cosine neighbours of items, counted through the shoppers that they share."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.arrays import Mask, Rows, Scores
from recommender.native import BOOL, F32, I32, compiled, reads, writes

Entries = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]


def best_cosines(weights: csr_matrix, rows: NDArray[np.int32], among: Mask, kept: int) -> Entries:
    """The largest cosines of some items with others.

    Args:
        weights: (n_users, n_items) float32, above 0 where there is an entry.
        rows: the items whose neighbours are wanted.
        among: (n_items,) True for items that can be a neighbour; none is its own.
        kept: neighbours per item, at most.

    Returns:
        Items, their neighbours and the cosines, (n,) each; of one item in no order.
    """
    n_items = len(among)
    lengths = np.sqrt(np.bincount(weights.indices, weights=weights.data.astype(np.float64) ** 2, minlength=n_items))
    unit = weights.copy()
    unit.data = (unit.data / lengths[unit.indices]).astype(np.float32)
    by_item = unit.tocsc()
    best = np.full((len(rows), kept), -1, dtype=np.int32)
    scores = np.zeros((len(rows), kept), dtype=np.float32)
    shoppers_of = by_item.indptr.astype(np.int32), by_item.indices.astype(np.int32), by_item.data
    items_of = unit.indptr.astype(np.int32), unit.indices.astype(np.int32), unit.data

    def count(part: slice) -> None:
        _count(rows[part], among, *shoppers_of, *items_of, best[part], scores[part])

    n_threads = os.cpu_count() or 1
    ends = [len(rows) * thread // n_threads for thread in range(n_threads + 1)]
    with ThreadPoolExecutor(n_threads) as threads:  # the loop releases the interpreter lock
        list(threads.map(count, map(slice, ends, ends[1:])))
    found = best >= 0
    return np.repeat(rows, kept).reshape(best.shape)[found], best[found], scores[found]


@compiled(
    I32,
    reads(I32), reads(BOOL),
    reads(I32), reads(I32), reads(F32),
    reads(I32), reads(I32), reads(F32),
    writes(I32, 2), writes(F32, 2),
)  # fmt: skip
def _count(
    rows: Rows,
    among: Mask,
    item_starts: Rows,
    users: Rows,
    user_weights: Scores,
    user_starts: Rows,
    items: Rows,
    item_weights: Scores,
    best: NDArray[np.int32],
    scores: NDArray[np.float32],
) -> int:
    """Fill `best` and `scores`; touches only items that share a shopper, which is what makes it fast."""
    sums = np.zeros(len(among), dtype=np.float32)
    touched = np.empty(len(among), dtype=np.int32)
    for r in range(len(rows)):
        n_touched = 0
        for e in range(item_starts[rows[r]], item_starts[rows[r] + 1]):
            for f in range(user_starts[users[e]], user_starts[users[e] + 1]):
                item = items[f]
                if sums[item] == 0:
                    touched[n_touched] = item
                    n_touched += 1
                sums[item] += user_weights[e] * item_weights[f]
        worst = 0
        for t in range(n_touched):
            item = touched[t]
            if among[item] and item != rows[r] and sums[item] > scores[r, worst]:
                best[r, worst] = item
                scores[r, worst] = sums[item]
                worst = np.argmin(scores[r])
            sums[item] = 0
    return len(rows)
