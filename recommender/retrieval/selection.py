"""Picking the few best of many."""

import numpy as np

from recommender.arrays import Rows, Scores
from recommender.native import BOOL, F32, I32, I64, NOTHING, compiled, reads, writes


def best(rows: Rows, scores: Scores, k: int) -> Rows:
    """Positions of the (up to) `k` highest scores, best first, the lower row where equal.

    Args:
        rows, scores: (n,), no row twice.
    """
    found = np.empty(min(k, len(rows)), dtype=np.int32)
    if len(found):
        _pick(found, rows, scores)
    return found


@compiled(BOOL, reads(I32), reads(F32), I64, I64)
def _is_worse(rows: Rows, scores: Scores, position: int, other: int) -> bool:
    if scores[position] == scores[other]:
        return rows[position] > rows[other]
    return scores[position] < scores[other]


@compiled(NOTHING, writes(I32), I64, I64, reads(I32), reads(F32))
def _sink(heap: Rows, size: int, position: int, rows: Rows, scores: Scores) -> None:
    """Put `position` in at the top of a heap whose top is the worst, in the place of what was there."""
    place, child = 0, 1
    while child < size:
        if child + 1 < size and _is_worse(rows, scores, heap[child + 1], heap[child]):
            child += 1
        if not _is_worse(rows, scores, heap[child], position):
            break
        heap[place] = heap[child]
        place, child = child, 2 * child + 1
    heap[place] = position


@compiled(NOTHING, writes(I32), reads(I32), reads(F32))
def _pick(heap: Rows, rows: Rows, scores: Scores) -> None:
    """Keep the best in a heap, as many as it holds, then sort it by taking out the worst again and again."""
    k = len(heap)
    for position in range(k):  # rise from the end of the heap to the place it belongs
        place = position
        while place > 0 and _is_worse(rows, scores, position, heap[(place - 1) // 2]):
            heap[place] = heap[(place - 1) // 2]
            place = (place - 1) // 2
        heap[place] = position
    for position in range(k, len(rows)):
        if _is_worse(rows, scores, heap[0], position):
            _sink(heap, k, position, rows, scores)
    for size in range(k - 1, 0, -1):
        last, heap[size] = heap[size], heap[0]
        _sink(heap, size, last, rows, scores)
