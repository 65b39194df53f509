"""Joining what the sources propose into one set of candidates."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recommender.arrays import EMPTY_ROWS, Floats, Matrix, Rows
from recommender.fusion import reciprocal_ranks
from recommender.hard_rules import allowed
from recommender.placements import SourceName
from recommender.retrieval.proposal import Proposal
from recommender.situation import Situation


@dataclass(frozen=True, slots=True)
class Candidates:
    """Allowed items in the running.

    Attributes:
        rows: (n,) ascending, no repeats.
        sources: the sources that ran, in the order of the placement.
        ranks: by source, (n,) 1 / rank among the allowed items that it proposed; 0 where it did not propose.
        because: by source, (n,) the row that brought the candidate up, or -1.
        features: (n, len(FEATURES)) for a learned ranker; (n, 0) where none will look at them.
    """

    rows: Rows
    sources: tuple[SourceName, ...]
    ranks: Mapping[SourceName, Floats]
    because: Mapping[SourceName, Rows]
    features: Matrix


def merge(
    situation: Situation, proposals: Mapping[SourceName, Proposal], kept: Mapping[SourceName, int], pinned: Rows
) -> Candidates:
    """Drop what hard rules forbid, keep the best of each source, and join them.

    Args:
        kept: by source, how many allowed candidates stay at most.
        pinned: rows that must be among the candidates, all allowed.
    """
    parts: dict[SourceName, Proposal] = {
        source: _best_allowed(situation, proposal, kept[source]) for source, proposal in proposals.items()
    }
    rows = np.unique(np.concatenate([pinned, *(part.rows for part in parts.values())]))
    ranks: dict[SourceName, Floats] = {}
    because: dict[SourceName, Rows] = {}
    for source, part in parts.items():
        place = np.searchsorted(rows, part.rows)
        ranks[source] = np.zeros(len(rows), dtype=np.float32)
        ranks[source][place] = reciprocal_ranks(len(part.rows))
        because[source] = np.full(len(rows), -1, dtype=np.int32)
        if len(part.because):
            because[source][place] = part.because
    return Candidates(rows, tuple(proposals), ranks, because, np.empty((len(rows), 0), dtype=np.float32))


def _best_allowed(situation: Situation, proposal: Proposal, n: int) -> Proposal:
    stays = np.flatnonzero(allowed(situation, proposal.rows))[:n]
    because = proposal.because[stays] if len(proposal.because) else EMPTY_ROWS
    return Proposal(proposal.rows[stays], because)
