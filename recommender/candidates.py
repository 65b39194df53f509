"""Joining what the sources propose into one set of candidates."""

from collections.abc import Mapping

import numpy as np

from recommender.arrays import Floats, Matrix, Offsets, Rows
from recommender.hard_rules import rank_allowed
from recommender.native import F32, I32, I64, NOTHING, compiled, reads, writes
from recommender.placements import SourceName
from recommender.retrieval.proposal import Proposal
from recommender.situation import Situation
from recommender.value import value


@value(slots=True)
class Candidates:
    """Allowed items in the running.

    Attributes:
        rows: (n,) ascending, no repeats.
        sources: the sources that ran, in the order of the placement.
        ranks: (n_sources, n) 1 / rank among the allowed items of the source; 0 where it did not propose the candidate.
        because: (n_sources, n) the row that brought the candidate up, or -1.
        features: (n, len(FEATURES)) for a learned ranker; (n, 0) where none will look at them.
    """

    rows: Rows
    sources: tuple[SourceName, ...]
    ranks: Matrix
    because: Rows
    features: Matrix

    def ranks_of(self) -> dict[SourceName, Floats]:
        """The row of `ranks` of each source."""
        return dict(zip(self.sources, self.ranks, strict=True))


def merge(
    situation: Situation, proposals: Mapping[SourceName, Proposal], kept: Mapping[SourceName, int], pinned: Rows
) -> Candidates:
    """Drop what hard rules forbid, keep the best of each source, and join them.

    Args:
        proposals: at least one.
        kept: by source, how many allowed candidates stay at most.
        pinned: rows that must be among the candidates, all allowed.
    """
    parts = tuple(proposals.values())
    proposed = np.concatenate([part.rows for part in parts])
    because = np.concatenate([part.because for part in parts])
    counts = np.array([(len(proposals[s].rows), len(proposals[s].because), kept[s]) for s in proposals], dtype=np.int64)
    rank = rank_allowed(situation, proposed, counts)
    rows = np.concatenate([pinned, proposed[rank > 0]])
    rows.sort()
    rows = rows[: _drop_repeats(rows)]
    ranks = np.empty((len(parts), len(rows)), dtype=np.float32)
    seeds = np.empty((len(parts), len(rows)), dtype=np.int32)
    _join(ranks, seeds, rows, proposed, because, rank, counts)
    return Candidates(rows, tuple(proposals), ranks, seeds, np.empty((len(rows), 0), dtype=np.float32))


@compiled(I64, writes(I32))
def _drop_repeats(rows: Rows) -> int:
    """Move the distinct of ascending `rows` to the front; returns how many there are."""
    n = 0
    for i in range(len(rows)):
        if n == 0 or rows[i] != rows[n - 1]:
            rows[n] = rows[i]
            n += 1
    return n


@compiled(NOTHING, writes(F32, 2), writes(I32, 2), reads(I32), reads(I32), reads(I32), reads(I64), reads(I64, 2))
def _join(
    ranks: Matrix, seeds: Rows, rows: Rows, proposed: Rows, because: Rows, rank: Offsets, counts: Offsets
) -> None:
    """Fill in what was ranked; `counts` are those of `rank_allowed`."""
    ranks[:] = 0.0
    seeds[:] = -1
    start, reason = 0, 0
    for source in range(len(counts)):
        for i in range(counts[source, 0]):
            if rank[start + i] > 0:
                place = np.searchsorted(rows, proposed[start + i])
                ranks[source, place] = 1.0 / rank[start + i]
                if counts[source, 1]:
                    seeds[source, place] = because[reason + i]
        start += counts[source, 0]
        reason += counts[source, 1]
