"""Giving slots to items that little is known of, each with a chance that is told, so that it can be accounted for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Mask, Positions, Rows
from recommender.retrieval.new_arrivals import NEW_FOR_DAYS
from recommender.situation import Situation

FEW_BUYERS = 10  # who is bought by fewer has not had its chance
DRAWN_FROM = 20  # items at most, the best of them: the fewer there are, the larger the chance of each


@dataclass(frozen=True, slots=True)
class Exploration:
    """Which slots go to what little is known of.

    Attributes:
        positions: (n,) of the candidates of all slots that no pin takes, best first but for those explored.
        explored: (n,) which of them were drawn.
        chances: (n,) in (0, 1], of each slot that it got what it got, given those before it.
    """

    positions: Positions
    explored: Mask
    chances: NDArray[np.float64]


def explore(chosen: Positions, pool: Positions, share: float, seed: int) -> Exploration:
    """Give each slot with a chance of `share` to one of the pool, drawn evenly, until that is empty.

    The others get what was chosen, in its order, so that its last ones drop out. The same seed draws the same.

    Args:
        chosen: positions of candidates, one for each slot.
        pool: of others.
        share: in [0, 1].
    """
    n = len(chosen)
    even = np.random.Generator(np.random.PCG64(seed)).random(n + len(pool))
    drawn = even[:n] < share
    explored = drawn & (np.cumsum(drawn) <= len(pool))
    left = len(pool) - np.cumsum(explored) + explored  # in the pool, before each slot
    chances = np.where(explored, share / np.maximum(left, 1), np.where(left > 0, 1.0 - share, 1.0))
    n_explored = int(np.count_nonzero(explored))
    positions = np.empty_like(chosen)
    positions[explored] = pool[np.argsort(even[n:])[:n_explored]]
    positions[~explored] = chosen[: n - n_explored]
    return Exploration(positions, explored, chances)


def little_known(situation: Situation, rows: Rows) -> Mask:
    """Which rows were added of late, or have fewer than FEW_BUYERS buyers as far as training saw."""
    model = situation.model
    buyers = model.popularity.overall[np.minimum(rows, model.n_items - 1)]
    is_new = situation.catalogue.number["added_day"][rows] > situation.now_day - NEW_FOR_DAYS
    return is_new | (rows >= model.n_items) | (buyers < FEW_BUYERS)
