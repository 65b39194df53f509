"""The items of the highest scores, as every baseline that scores puts them on its list."""

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Rows
from recommender.retrieval.selection import best


def best_rows(rows: NDArray[np.integer], scores: NDArray[np.floating], k: int) -> Rows:
    """The (up to) `k` rows of the highest scores above 0, best first, the lower row where equal.

    Args:
        rows, scores: (n,), no row twice; scores are compared as float32.
    """
    above = scores > 0
    few, theirs = rows[above].astype(np.int32), scores[above].astype(np.float32)
    return few[best(few, theirs, k)]
