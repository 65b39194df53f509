"""Adding up the neighbours of several items, without an array as long as the catalogue."""

from dataclasses import dataclass

import numpy as np

from recommender.arrays import EMPTY_ROWS, EMPTY_SCORES, Floats, Offsets, Rows, Scores
from recommender.model import Neighbours
from recommender.native import F32, I32, I64, compiled, reads, several, writes


@dataclass(frozen=True, slots=True)
class Tally:
    """How strongly a few items, the seeds, point to others: a hash table with linear probing.

    Attributes:
        rows: (size,) int32, -1 in a free slot; size is a power of two, or 0 when there are no seeds.
        scores: (size,) sum over the seeds of seed weight times neighbour score.
        because: (size,) the seed that gave most of it.
    """

    rows: Rows
    scores: Scores
    because: Rows

    def of(self, rows: Rows) -> Scores:
        """The score of each of `rows`; 0 for one that no seed points to."""
        if not len(self.rows):
            return np.zeros(len(rows), dtype=np.float32)
        return _look_up(rows, self.rows, self.scores)

    def best(self, k: int) -> tuple[Rows, Rows]:
        """The (up to) `k` rows of the highest scores, best first (the lower row where equal), and their seeds."""
        taken = np.flatnonzero(self.rows >= 0)
        if len(taken) > k:
            taken = taken[np.argpartition(-self.scores[taken], k)[:k]]
        order = taken[np.lexsort((self.rows[taken], -self.scores[taken]))]
        return self.rows[order], self.because[order]


NO_TALLY = Tally(EMPTY_ROWS, EMPTY_SCORES, EMPTY_ROWS)


def tally(neighbours: Neighbours, seeds: Rows, weights: Floats) -> Tally:
    """Add up the neighbours of (n,) seed rows, weighted; seeds that training did not see have none."""
    known = seeds < len(neighbours.offsets) - 1
    seeds, weights = seeds[known], weights[known]
    entries = int((neighbours.offsets[seeds + 1] - neighbours.offsets[seeds]).sum())
    if not entries:
        return NO_TALLY
    size = 1 << (2 * entries - 1).bit_length()
    return Tally(*_add_up(neighbours.offsets, neighbours.rows, neighbours.scores, seeds, weights, size))


HASH = 0x9E3779B1  # spreads neighbouring rows over the table (Fibonacci hashing)


@compiled(I64, I32, I64)
def _slot(row: int, size: int) -> int:
    return ((row * HASH) >> 7) & (size - 1)


TALLY = several(writes(I32), writes(F32), writes(I32))


@compiled(TALLY, reads(I64), reads(I32), reads(F32), reads(I32), reads(F32), I64)
def _add_up(
    offsets: Offsets, neighbour_rows: Rows, neighbour_scores: Scores, seeds: Rows, weights: Floats, size: int
) -> tuple[Rows, Scores, Rows]:
    rows = np.full(size, -1, dtype=np.int32)
    scores = np.zeros(size, dtype=np.float32)
    because = np.empty(size, dtype=np.int32)
    most = np.zeros(size, dtype=np.float32)
    for s in range(len(seeds)):
        for entry in range(offsets[seeds[s]], offsets[seeds[s] + 1]):
            slot = _slot(neighbour_rows[entry], size)
            while rows[slot] >= 0 and rows[slot] != neighbour_rows[entry]:
                slot = (slot + 1) & (size - 1)
            part = weights[s] * neighbour_scores[entry]
            rows[slot] = neighbour_rows[entry]
            scores[slot] += part
            if part > most[slot]:
                most[slot], because[slot] = part, seeds[s]
    return rows, scores, because


@compiled(writes(F32), reads(I32), reads(I32), reads(F32))
def _look_up(wanted: Rows, rows: Rows, scores: Scores) -> Scores:
    size = len(rows)
    found = np.zeros(len(wanted), dtype=np.float32)
    for i in range(len(wanted)):
        slot = _slot(wanted[i], size)
        while rows[slot] >= 0 and rows[slot] != wanted[i]:
            slot = (slot + 1) & (size - 1)
        if rows[slot] >= 0:
            found[i] = scores[slot]
    return found
