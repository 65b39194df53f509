"""Sinking what a placement wants to show less of; see `novelty` of `Placement`."""

import numpy as np

from recommender.arrays import Rows, Scores
from recommender.situation import Situation


def sink(situation: Situation, rows: Rows, scores: Scores) -> Scores:
    """Lower the scores of candidates as the settings of the placement ask; without those, the same array.

    Args:
        rows, scores: (n,) candidates, scores at least 0.
    """
    novelty, model = situation.placement.novelty, situation.model
    if novelty == 0:
        return scores
    kept = 1 - novelty * model.fame[np.minimum(rows, model.n_items)]
    return scores * kept.astype(np.float32, copy=False)
