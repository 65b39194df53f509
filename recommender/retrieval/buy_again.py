"""What the shopper buys again and again."""

import numpy as np

from recommender.arrays import Floats
from recommender.retrieval.proposal import Proposal
from recommender.situation import Situation

PROPOSED = 200
NOT_YET_DUE = 0.3  # what an item bought a moment ago keeps of its score


def buy_again(situation: Situation) -> Proposal:
    """The shopper's own items, by how often and lately they were bought and how far they are due again."""
    purchases = situation.shopper.purchases
    scores = purchases.decayed_long * _dueness(situation)
    order = np.argsort(-scores, kind="stable")[:PROPOSED]
    return Proposal(purchases.rows[order])


def _dueness(situation: Situation) -> Floats:
    """From NOT_YET_DUE right after a purchase to 1 once the item's usual gap has passed."""
    purchases = situation.shopper.purchases
    passed = np.minimum((situation.now_day - purchases.last_day) / situation.gap_days, 1.0)
    return (NOT_YET_DUE + (1.0 - NOT_YET_DUE) * np.maximum(passed, 0.0)).astype(np.float32)
