"""What the shopper buys again and again."""

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Floats
from recommender.native import F32, F64, NOTHING, compiled, reads, writes
from recommender.retrieval.proposal import Proposal
from recommender.retrieval.selection import best_rows
from recommender.situation import Situation

PROPOSED = 200
NOT_YET_DUE = 0.3  # what an item bought a moment ago keeps of its score


def buy_again(situation: Situation) -> Proposal:
    """The shopper's own items, by how often and lately they were bought and how far they are due again."""
    purchases = situation.shopper.purchases
    scores = np.empty(len(purchases), dtype=np.float32)
    _score(scores, purchases.decayed_long, purchases.last_day, situation.gap_days, situation.now_day)
    return Proposal(best_rows(purchases.rows, scores, PROPOSED)[0])


@compiled(NOTHING, writes(F32), reads(F32), reads(F64), reads(F32), F64)
def _score(
    scores: Floats, decayed_long: Floats, last_day: NDArray[np.float64], gap_days: Floats, now_day: float
) -> None:
    """Weight by dueness: from NOT_YET_DUE right after a purchase to 1 once the item's usual gap has passed."""
    for i in range(len(scores)):
        passed = min(max((now_day - last_day[i]) / gap_days[i], 0.0), 1.0)
        scores[i] = decayed_long[i] * (NOT_YET_DUE + (1.0 - NOT_YET_DUE) * passed)
