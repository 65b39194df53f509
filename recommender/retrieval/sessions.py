"""What shoppers looked at next in sessions like the one at hand."""

import numpy as np

from recommender.retrieval.proposal import NOTHING, Proposal
from recommender.retrieval.selection import distinct
from recommender.situation import Situation

PROPOSED = 160


def by_sessions(situation: Situation) -> Proposal:
    """The best of sessions and rules, then what the session itself holds: many look at it once more."""
    sessions, tally = situation.model.sessions, situation.from_sessions
    if sessions is None or not len(tally.seeds):
        return NOTHING
    rows = np.concatenate([tally.best(PROPOSED - len(tally.seeds), sessions.facts), tally.seeds])
    rows = distinct(rows, PROPOSED)
    return Proposal(rows, because=np.full(len(rows), tally.seeds[0], dtype=np.int32))
