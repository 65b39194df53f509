"""Items bought by the same shoppers as those that this one buys, or has at hand."""

import numpy as np

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
    ranks = np.concatenate([2 * np.arange(len(rows)), 2 * np.arange(len(more_rows)) + 1])
    order = np.argsort(ranks)
    joined, joined_because = np.concatenate([rows, more_rows])[order], np.concatenate([because, more_because])[order]
    firsts = np.sort(np.unique(joined, return_index=True)[1])
    return Proposal(joined[firsts], joined_because[firsts])
