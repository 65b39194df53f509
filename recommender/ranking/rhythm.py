"""How long it takes until a shopper buys an item again."""

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Floats, Rows
from recommender.native import F32, F64, I32, NOTHING, compiled, reads, writes
from recommender.shopper import Purchases

USUAL_GAP_DAYS = 45.0  # where neither the shopper nor the item has a rhythm
SHORTEST_GAP_DAYS = 1.0
BASKETS_OF_A_RHYTHM = 3  # from this many purchases on, the shopper's own gap counts


def days_until_again(purchases: Purchases, gap_days: Floats) -> Floats:
    """The usual gap of each purchased item: the shopper's own, else the item's, else the usual one.

    Args:
        gap_days: by item row; NaN where an item has no rhythm.

    Returns:
        (n,) float32, in days, at least SHORTEST_GAP_DAYS.
    """
    gaps = np.empty(len(purchases), dtype=np.float32)
    _gaps(gaps, purchases.rows, purchases.baskets, purchases.first_day, purchases.last_day, gap_days)
    return gaps


@compiled(NOTHING, writes(F32), reads(I32), reads(F32), reads(F64), reads(F64), reads(F32))
def _gaps(
    gaps: Floats, rows: Rows, baskets: Floats, first_day: NDArray[np.float64], last_day: NDArray[np.float64],
    gap_days: Floats,
) -> None:  # fmt: skip
    for i in range(len(rows)):
        gaps[i] = USUAL_GAP_DAYS
        if baskets[i] >= BASKETS_OF_A_RHYTHM:
            gaps[i] = (last_day[i] - first_day[i]) / (baskets[i] - 1.0)
        elif rows[i] < len(gap_days) and not np.isnan(gap_days[rows[i]]):
            gaps[i] = gap_days[rows[i]]
        gaps[i] = max(gaps[i], np.float32(SHORTEST_GAP_DAYS))
