"""Judging by their kin the candidates that nothing is known of."""

import numpy as np

from recommender.arrays import Scores
from recommender.candidates import Candidates
from recommender.situation import Situation

KIN_SHARE = 0.9  # of the best of its kin, for the first newcomer: what nobody sees, nobody can like


def judge_newcomers(situation: Situation, candidates: Candidates, scores: Scores) -> Scores:
    """Raise the first newcomer to KIN_SHARE of the best other candidate of its category, the next to the square of it.

    Args:
        scores: (n,) of the candidates, at least 0.

    Returns:
        (n,) the same for all but the newcomers.
    """
    ranks = candidates.ranks_of().get("newcomers")
    if ranks is None or not ranks.any():
        return scores
    is_newcomer = ranks > 0
    categories = situation.catalogue.text["category"].codes[candidates.rows]
    judged = scores.copy()
    for place in np.flatnonzero(is_newcomer):
        kin = scores[(categories == categories[place]) & ~is_newcomer]
        judged[place] = max(scores[place], KIN_SHARE ** (1.0 / ranks[place]) * kin.max(initial=0.0))
    return judged
