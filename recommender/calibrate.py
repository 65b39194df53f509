"""Ordering candidates so that the categories of a list follow the shopper's own mix.

Source: Steck, Calibrated Recommendations, RecSys 2018, doi:10.1145/3240323.3240372.
"""

import numpy as np

from recommender.arrays import Codes, Floats, Positions, Scores
from recommender.native import F32, F64, I32, I64, NOTHING, compiled, reads, writes

SMOOTHING = 0.01  # share of the wanted mix in that of the list, so that a category that it lacks costs no infinity


def calibrate(
    order: Positions, scores: Scores, categories: Codes, wanted: Floats, strength: float, n: int, taken: Positions
) -> Positions:
    """Put first, one after the other, the `n` candidates that raise the score and the likeness to the mix most.

    Likeness is the negative Kullback-Leibler divergence of the wanted mix from that of the list, in nats; what counts
    is (1 - strength) * score + strength * likeness, the best score being 1.

    Args:
        order: (n_candidates,) positions of candidates, by score.
        scores, categories: by candidate position; scores at least 0, a category that is not known (-1) is in no mix.
        wanted: by candidate position, the share of its category in the wanted mix.
        strength: in [0, 1]; 0 leaves the order as it is.
        taken: positions of candidates that are in the list already, and count for its mix.

    Returns:
        (n_candidates,) the same positions; those after the first `n` are by score.
    """
    moved = np.empty_like(order)
    names, kinds = np.unique(categories, return_inverse=True)
    _move(moved, order, scores, kinds.astype(np.int32), len(names), wanted, strength, min(n, len(order)), taken)
    return moved


@compiled(NOTHING, writes(I64), reads(I64), reads(F32), reads(I32), I64, reads(F32), F64, I64, reads(I64))
def _move(
    moved: Positions, order: Positions, scores: Scores, kinds: Codes, n_kinds: int, wanted: Floats, strength: float,
    n: int, taken: Positions,
) -> None:  # fmt: skip
    """`kinds`: the category of each candidate as a number below `n_kinds`."""
    n_all = len(order)
    best_score = max(scores[order[0]], np.float32(1e-30)) if n_all else np.float32(1.0)
    counts = np.zeros(n_kinds, dtype=np.int64)
    for position in taken:
        counts[kinds[position]] += 1
    # Of one category the best comes first, so only the first one left of each is looked at.
    first = np.full(n_kinds, -1, dtype=np.int64)  # by category, the place in `order` of the first one left
    following = np.full(n_all, -1, dtype=np.int64)  # by place, that of the next one of the same category
    for place in range(n_all - 1, -1, -1):
        kind = kinds[order[place]]
        following[place] = first[kind]
        first[kind] = place
    is_moved = np.zeros(n_all, dtype=np.bool_)
    for i in range(n):
        size = i + 1 + len(taken)
        best_place, most = -1, -np.inf
        for kind in range(n_kinds):
            place = first[kind]
            if place < 0:
                continue
            candidate = order[place]
            worth = (1.0 - strength) * scores[candidate] / best_score
            share = wanted[candidate]
            if share > 0:
                smooth = SMOOTHING * share
                with_one_more = (1.0 - SMOOTHING) * (counts[kind] + 1) / size + smooth
                without = (1.0 - SMOOTHING) * counts[kind] / size + smooth
                worth += strength * share * np.log(with_one_more / without)
            if worth > most or (worth == most and place < best_place):
                best_place, most = place, worth
        kind = kinds[order[best_place]]
        first[kind] = following[best_place]
        counts[kind] += 1
        is_moved[best_place] = True
        moved[i] = order[best_place]
    left = n
    for place in range(n_all):
        if not is_moved[place]:
            moved[left] = order[place]
            left += 1
