"""Items bought by the same shoppers as those that this one buys, or has at hand."""

import numpy as np

from recommender.arrays import Rows
from recommender.native import BOOL, I32, I64, compiled, reads, writes
from recommender.retrieval.proposal import Proposal
from recommender.retrieval.tally import Tally
from recommender.situation import Situation

PROPOSED = 150


def by_neighbours(situation: Situation) -> Proposal:
    """What is at hand and what was bought propose in turn, each its best."""
    return interleave(situation.near_session, situation.near_purchases)


def interleave(first: Tally, second: Tally, k: int = PROPOSED) -> Proposal:
    """The best of two tallies in turn, each item where it comes first."""
    (rows, because), (more_rows, more_because) = first.best(k), second.best(k)
    if not len(rows) or not len(more_rows):
        return Proposal(rows, because) if len(rows) else Proposal(more_rows, more_because)
    joined = np.empty(len(rows) + len(more_rows), dtype=np.int32)
    seeds = np.empty_like(joined)
    n = _in_turn(joined, seeds, rows, because, more_rows, more_because)
    return Proposal(joined[:n], seeds[:n])


@compiled(BOOL, reads(I32), I64, I32)
def _holds(rows: Rows, n: int, row: int) -> bool:
    found = False
    for other in rows[:n]:  # to the end, so that it becomes vector instructions
        found |= other == row
    return found


@compiled(I64, writes(I32), writes(I32), reads(I32), reads(I32), reads(I32), reads(I32))
def _in_turn(joined: Rows, seeds: Rows, rows: Rows, because: Rows, more_rows: Rows, more_because: Rows) -> int:
    """Write both lists in turn, without repeats; returns how many there are."""
    n = 0
    for place in range(max(len(rows), len(more_rows))):
        if place < len(rows) and not _holds(joined, n, rows[place]):
            joined[n], seeds[n] = rows[place], because[place]
            n += 1
        if place < len(more_rows) and not _holds(joined, n, more_rows[place]):
            joined[n], seeds[n] = more_rows[place], more_because[place]
            n += 1
    return n
