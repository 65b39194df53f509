"""Adding up the neighbours of several items, without an array as long as the catalogue."""

import numpy as np

from recommender.arrays import EMPTY_ROWS, EMPTY_SCORES, Floats, Offsets, Rows, Scores
from recommender.derived import derived
from recommender.model import Neighbours
from recommender.native import F32, I32, I64, NOTHING, compiled, reads, writes
from recommender.retrieval.selection import best_rows
from recommender.value import value

Sums = tuple[Rows, Scores, Rows, Rows]
NO_SUMS: Sums = (EMPTY_ROWS, EMPTY_SCORES, EMPTY_ROWS, EMPTY_ROWS)


@value()
class Tally:
    """How strongly a few items, the seeds, point to others; added up when asked for.

    Attributes:
        seeds: (n,) rows; those that training did not see have no neighbours.
        weights: (n,) of the seeds; what they point to has the sum of seed weight times neighbour score.
    """

    neighbours: Neighbours
    seeds: Rows
    weights: Floats

    @derived
    def sums(self) -> Sums:
        """Of all that the seeds point to.

        That is (n,) rows, without repeats, in no order; their scores; for each the seed that gave most of it; and
        (size,) int32, a hash table with linear probing: places in the rows, -1 in a free slot. Size is a power of two,
        or 0 when there are no neighbours.
        """
        most = _count(self.neighbours.offsets, self.seeds) if len(self.seeds) else 0
        if not most:
            return NO_SUMS
        rows, because = np.empty(most, dtype=np.int32), np.empty(most, dtype=np.int32)
        scores, most_given = np.empty(most, dtype=np.float32), np.empty(most, dtype=np.float32)
        places = np.empty(1 << (2 * most - 1).bit_length(), dtype=np.int32)
        n = _add_up(
            rows, scores, because, most_given, places, self.neighbours.offsets, self.neighbours.rows,
            self.neighbours.scores, self.seeds, self.weights,
        )  # fmt: skip
        return rows[:n], scores[:n], because[:n], places

    def write_scores(self, into: Scores, rows: Rows) -> None:
        """Write the score of each of `rows`, no repeats; 0 for one that no seed points to.

        It is the same to the last bit whether or not all have been added up before, and much less work if not.
        """
        if "sums" in vars(self):
            known, scores, _, places = self.sums
            if len(places):
                _look_up(into, rows, places, known, scores)
                return
        into[:] = 0.0
        if len(self.seeds) and len(rows):
            near = self.neighbours
            _add_up_some(into, rows, near.offsets, near.rows, near.scores, self.seeds, self.weights)

    def best(self, k: int) -> tuple[Rows, Rows]:
        """The (up to) `k` rows of the highest scores, best first (the lower row where equal), and their seeds."""
        rows, scores, because, places = self.sums
        if not len(rows):
            return EMPTY_ROWS, EMPTY_ROWS
        found, _ = best_rows(rows, scores, k)
        seeds = np.empty(len(found), dtype=np.int32)
        _look_up_seeds(seeds, found, places, rows, because)
        return found, seeds


HASH = 0x9E3779B1  # spreads neighbouring rows over the table (Fibonacci hashing)


@compiled(I64, I32, reads(I32), reads(I32))
def find_slot(row: int, places: Rows, rows: Rows) -> int:
    """The slot of `row` in a hash table of places in `rows`, or the free one (-1) where it belongs.

    The table has a power of two slots, more than rows, and is probed one after the other.
    """
    last = len(places) - 1
    slot = ((row * HASH) >> 7) & last
    while places[slot] >= 0 and rows[places[slot]] != row:
        slot = (slot + 1) & last
    return slot


@compiled(I64, reads(I64), reads(I32))
def _count(offsets: Offsets, seeds: Rows) -> int:
    """How many neighbours the seeds have together, repeats counted."""
    n = 0
    for seed in seeds:
        if seed < len(offsets) - 1:
            n += int(offsets[seed + 1] - offsets[seed])
    return n


@compiled(
    I64, writes(I32), writes(F32), writes(I32), writes(F32), writes(I32),
    reads(I64), reads(I32), reads(F32), reads(I32), reads(F32),
)  # fmt: skip
def _add_up(
    rows: Rows, scores: Scores, because: Rows, most: Scores, places: Rows,
    offsets: Offsets, neighbour_rows: Rows, neighbour_scores: Scores, seeds: Rows, weights: Floats,
) -> int:  # fmt: skip
    """Fill a tally and return how many rows it has; `most` is what the seed `because` gave."""
    places[:] = -1
    n = 0
    for s in range(len(seeds)):
        if seeds[s] >= len(offsets) - 1:
            continue
        for entry in range(offsets[seeds[s]], offsets[seeds[s] + 1]):
            slot = find_slot(neighbour_rows[entry], places, rows)
            if places[slot] < 0:
                places[slot], rows[n], scores[n], most[n] = n, neighbour_rows[entry], 0.0, -1.0
                n += 1
            place = places[slot]
            part = weights[s] * neighbour_scores[entry]
            scores[place] += part
            if part > most[place]:
                most[place], because[place] = part, seeds[s]
    return n


@compiled(NOTHING, writes(F32), reads(I32), reads(I32), reads(I32), reads(F32))
def _look_up(found: Scores, wanted: Rows, places: Rows, rows: Rows, scores: Scores) -> None:
    for i in range(len(wanted)):
        slot = find_slot(wanted[i], places, rows)
        found[i] = scores[places[slot]] if places[slot] >= 0 else 0.0


@compiled(NOTHING, writes(I32), reads(I32), reads(I32), reads(I32), reads(I32))
def _look_up_seeds(found: Rows, wanted: Rows, places: Rows, rows: Rows, because: Rows) -> None:
    """Write the seed of each of `wanted`, all of which are in the tally."""
    for i in range(len(wanted)):
        found[i] = because[places[find_slot(wanted[i], places, rows)]]


@compiled(NOTHING, writes(F32), reads(I32), reads(I64), reads(I32), reads(F32), reads(I32), reads(F32))
def _add_up_some(
    into: Scores, wanted: Rows, offsets: Offsets, neighbour_rows: Rows, neighbour_scores: Scores, seeds: Rows,
    weights: Floats,
) -> None:  # fmt: skip
    """Add what the seeds say of `wanted` to zeros, in the order of `_add_up`."""
    size = 1
    while size < 4 * len(wanted):  # sparse, for most neighbours are not wanted
        size *= 2
    places = np.empty(size, dtype=np.int32)
    places[:] = -1
    for i in range(len(wanted)):
        places[find_slot(wanted[i], places, wanted)] = i
    for s in range(len(seeds)):
        if seeds[s] >= len(offsets) - 1:
            continue
        for entry in range(offsets[seeds[s]], offsets[seeds[s] + 1]):
            slot = find_slot(neighbour_rows[entry], places, wanted)
            if places[slot] >= 0:
                into[places[slot]] += weights[s] * neighbour_scores[entry]
