"""Choosing from the ranked candidates so that no product comes twice and no kind of item takes over."""

from typing import NamedTuple

import numpy as np

from recommender.arrays import EMPTY_ROWS, Codes, Mask, Positions
from recommender.native import BOOL, I32, I64, NOTHING, compiled, reads, writes


class Cap(NamedTuple):
    """At most `most` (at least 1) of one kind, by candidate position; an item of kind -1 counts for none.

    Without kinds there is no cap.
    """

    kinds: Codes
    most: int


NO_CAP = Cap(EMPTY_ROWS, 1)


def diversify(
    order: Positions,
    groups: Codes,
    limit: int,
    taken: Positions,
    per_category: Cap,
    popular: Cap = NO_CAP,
    *,
    caps_yield: bool = True,
) -> Positions:
    """Choose up to `limit` candidates, the best first, no two of one group.

    The caps hold unless the list would get short and they yield: then the best of those left over fill it, at their
    place in the order.

    Args:
        order: (n,) positions of candidates, best first.
        groups: by candidate position.
        taken: positions of candidates that are in the list already (pins): their groups are used up, and they count for
            the caps.

    Returns:
        (up to `limit`,) positions, in the order of `order`.
    """
    chosen = np.zeros(len(order), dtype=np.bool_)
    _choose(chosen, order, groups, limit, taken, *per_category, *popular, caps_yield)
    return order[chosen]


@compiled(NOTHING, writes(BOOL), reads(I64), reads(I32), I64, reads(I64), reads(I32), I64, reads(I32), I64, BOOL)
def _choose(
    chosen: Mask, order: Positions, groups: Codes, limit: int, taken: Positions, categories: Codes,
    most_per_category: int, popular: Codes, most_popular: int, caps_yield: bool,
) -> None:  # fmt: skip
    """Mark the places in `order` that are chosen; `chosen` starts with none."""
    used = np.empty(limit + len(taken), dtype=np.int64)
    used[: len(taken)] = taken
    n_used = len(taken)
    for capped in (True, False):
        for place in range(len(order)):
            if n_used == limit + len(taken) or not (capped or caps_yield):
                break
            candidate = order[place]
            n_same, n_popular = 0, 0
            fits = not chosen[place]
            for other in used[:n_used]:
                fits = fits and groups[other] != groups[candidate]
                if len(categories):
                    n_same += categories[other] == categories[candidate] and categories[candidate] >= 0
                if len(popular):
                    n_popular += popular[other] == popular[candidate] and popular[candidate] >= 0
            if fits and ((n_same < most_per_category and n_popular < most_popular) or not capped):
                chosen[place] = True
                used[n_used] = candidate
                n_used += 1
