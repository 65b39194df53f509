"""Judging by their kin the candidates that nothing is known of."""

import numpy as np

from recommender.arrays import Scores
from recommender.candidates import Candidates
from recommender.situation import Situation

KIN_SHARE = 0.9  # of the best of its kin, for the first newcomer: what nobody sees, nobody can like


def judge_newcomers(situation: Situation, candidates: Candidates, scores: Scores) -> Scores:
    """Raise the first newcomer to KIN_SHARE of the best other candidate of its category, the next to the square of it.

    Those of a shopper without purchases are of the kind of what is at hand: the first comes no lower than the middle of
    the list, whatever else is like to be bought.

    Args:
        scores: (n,) of the candidates, at least 0.

    Returns:
        (n,) the same for all but the newcomers.
    """
    if "newcomers" not in candidates.sources:
        return scores
    ranks = candidates.ranks[candidates.sources.index("newcomers")]
    if not ranks.any():
        return scores
    is_newcomer = ranks > 0
    categories = situation.catalogue.text["category"].codes[candidates.rows]
    judged, least = scores.copy(), 0.0
    if not len(situation.shopper.purchases) and not is_newcomer.all():
        least = _middle(scores[~is_newcomer], situation.query.limit)
    for place in np.flatnonzero(is_newcomer):
        kin = scores[(categories == categories[place]) & ~is_newcomer]
        judged[place] = max(scores[place], KIN_SHARE ** (1.0 / ranks[place]) * kin.max(initial=0.0))
        if ranks[place] == 1:
            judged[place] = max(judged[place], least)
    return judged


def _middle(scores: Scores, limit: int) -> float:
    """Just above the score in the middle of a list of the best `limit`, or of all where there are fewer."""
    place = min(limit, len(scores)) // 2
    return float(np.nextafter(-np.partition(-scores, place)[place], np.float32(np.inf)))
