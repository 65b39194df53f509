"""Cosine neighbours of items, counted through the shoppers that they share."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.arrays import Mask, Rows, Scores
from recommender.native import BOOL, F32, I32, I64, NOTHING, compiled, reads, writes
from training.lanes import LANE_THREADS

STRIDE = 64  # items that are looked at together
Entries = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]


def best_cosines(weights: csr_matrix, first: int, kept: int) -> Entries:
    """The largest cosines of some items with all others.

    Args:
        weights: (n_users, n_items) float32, above 0 where there is an entry.
        first: neighbours are wanted of this item and all after it.
        kept: neighbours per item, at most.

    Returns:
        Items, their neighbours and the cosines, (n,) each; of one item in no order.
    """
    n_items = int(weights.get_shape()[1])
    lengths = np.sqrt(np.bincount(weights.indices, weights=weights.data.astype(np.float64) ** 2, minlength=n_items))
    unit = weights.copy()
    unit.data = (unit.data / lengths[unit.indices]).astype(np.float32)
    by_item = unit.tocsc()
    n_wanted = max(n_items - first, 0)
    best = np.full((n_wanted, kept), -1, dtype=np.int32)
    scores = np.zeros((n_wanted, kept), dtype=np.float32)
    shoppers_of = by_item.indptr.astype(np.int32), by_item.indices.astype(np.int32), by_item.data
    items_of = unit.indptr.astype(np.int32), unit.indices.astype(np.int32), unit.data

    def count(part: slice) -> None:
        _count(first + part.start, *shoppers_of, *items_of, best[part], scores[part])

    ends = [n_wanted * thread // LANE_THREADS for thread in range(LANE_THREADS + 1)]
    with ThreadPoolExecutor(LANE_THREADS) as threads:  # the loop releases the interpreter lock
        list(threads.map(count, map(slice, ends, ends[1:])))
    found = best >= 0
    return np.repeat(np.arange(first, first + n_wanted, dtype=np.int32), found.sum(axis=1)), best[found], scores[found]


@compiled(I64, writes(F32))
def _lowest(scores: Scores) -> int:
    lowest = 0
    for place in range(1, len(scores)):
        if scores[place] < scores[lowest]:
            lowest = place
    return lowest


@compiled(NOTHING, writes(I32), writes(F32), writes(F32), writes(BOOL))
def _keep_best(best: Rows, scores: Scores, sums: Scores, met: Mask) -> None:
    """Positions of the largest sums above 0; sums, and the strides of them that were met, are as new afterwards."""
    place = 0
    for stride in range(len(met)):
        if not met[stride]:  # of a large catalogue, most items share no shopper with this one
            continue
        met[stride] = False
        start = stride * STRIDE
        highest = np.float32(0)
        for item in range(start, start + STRIDE):  # as vector instructions: most strides have nothing to offer
            highest = max(highest, sums[item])
        if highest > scores[place]:
            for item in range(start, start + STRIDE):
                if sums[item] > scores[place]:
                    best[place], scores[place] = item, sums[item]
                    place = _lowest(scores)
        sums[start : start + STRIDE] = 0


@compiled(
    NOTHING,
    I64,
    reads(I32), reads(I32), reads(F32),
    reads(I32), reads(I32), reads(F32),
    writes(I32, 2), writes(F32, 2),
)  # fmt: skip
def _count(
    first: int,
    item_starts: Rows,
    users: Rows,
    user_weights: Scores,
    user_starts: Rows,
    items: Rows,
    item_weights: Scores,
    best: NDArray[np.int32],
    scores: NDArray[np.float32],
) -> None:
    """Fill `best` and `scores` of the items from `first` on, adding up over the shoppers that they share."""
    met = np.zeros((len(item_starts) + STRIDE) // STRIDE, dtype=np.bool_)
    sums = np.zeros(len(met) * STRIDE, dtype=np.float32)
    for r in range(len(best)):
        for e in range(item_starts[first + r], item_starts[first + r + 1]):
            for f in range(user_starts[users[e]], user_starts[users[e] + 1]):
                sums[items[f]] += user_weights[e] * item_weights[f]
                met[items[f] // STRIDE] = True
        sums[first + r] = 0
        _keep_best(best[r], scores[r], sums, met)
