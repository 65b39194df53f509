"""Choosing from the ranked candidates so that no product comes twice and no category takes over."""

import numpy as np

from recommender.arrays import Codes, Mask, Positions
from recommender.native import BOOL, I32, I64, NOTHING, compiled, reads, writes


def diversify(order: Positions, groups: Codes, categories: Codes, limit: int, cap: int, taken: Positions) -> Positions:
    """Choose up to `limit` candidates, the best first, no two of one group.

    At most `cap` are of one category, unless the list would get short: then the best of those left over fill it, at
    their place in the order. An item whose category is not known (-1) counts for none.

    Args:
        order: (n,) positions of candidates, best first.
        groups, categories: by candidate position.
        cap: at least 1.
        taken: positions of candidates that are in the list already (pins): their groups are used up, and they count for
            their categories.

    Returns:
        (up to `limit`,) positions, in the order of `order`.
    """
    chosen = np.zeros(len(order), dtype=np.bool_)
    _choose(chosen, order, groups, categories, limit, cap, taken)
    return order[chosen]


@compiled(NOTHING, writes(BOOL), reads(I64), reads(I32), reads(I32), I64, I64, reads(I64))
def _choose(
    chosen: Mask, order: Positions, groups: Codes, categories: Codes, limit: int, cap: int, taken: Positions
) -> None:
    """Mark the places in `order` that are chosen; `chosen` starts with none."""
    used = np.empty(limit + len(taken), dtype=np.int64)
    used[: len(taken)] = taken
    n_used = len(taken)
    for capped in (True, False):
        for place in range(len(order)):
            if n_used == limit + len(taken):
                break
            candidate = order[place]
            n_same = 0
            fits = not chosen[place]
            for other in used[:n_used]:
                fits = fits and groups[other] != groups[candidate]
                n_same += categories[other] == categories[candidate] and categories[candidate] >= 0
            if fits and (n_same < cap or not capped):
                chosen[place] = True
                used[n_used] = candidate
                n_used += 1
