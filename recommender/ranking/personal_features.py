"""What a shopper did with an item before."""

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Floats, Matrix, Rows
from recommender.native import F32, F64, I32, NOTHING, compiled, reads, writes
from recommender.ranking.rhythm import USUAL_GAP_DAYS
from recommender.situation import Situation

NEVER_DAYS = 1_000.0  # stands for the time since something that has not happened

PERSONAL_FEATURES = (
    "baskets",
    "basket_share",  # of the shopper's baskets
    "decayed_short",
    "decayed_long",
    "decayed_long_share",  # of the shopper's sum
    "days_since_first",
    "days_since_last",
    "gap_days_expected",  # until it is bought again
    "due",  # days since the last purchase, in expected gaps
    "is_new",  # to this shopper
    "at_hand",  # in view, in the cart or in the session
)


def write_personal_features(into: Matrix, situation: Situation, rows: Rows) -> None:
    """Write (len(PERSONAL_FEATURES), n) of item rows, in any order."""
    shopper = situation.shopper
    purchases = shopper.purchases
    _fill(
        into, rows, situation.now_day, max(shopper.n_baskets, 1), purchases.rows, purchases.baskets,
        purchases.decayed_short, purchases.decayed_long, purchases.first_day, purchases.last_day, situation.gap_days,
        situation.at_hand,
    )  # fmt: skip


@compiled(
    NOTHING, writes(F32, 2), reads(I32), F64, F64,
    reads(I32), reads(F32), reads(F32), reads(F32), reads(F64), reads(F64), reads(F32), reads(I32),
)  # fmt: skip
def _fill(
    columns: Matrix, rows: Rows, now_day: float, n_baskets: float,
    bought: Rows, baskets: Floats, short: Floats, long: Floats, first_day: NDArray[np.float64],
    last_day: NDArray[np.float64], gap_days: Floats, at_hand: Rows,
) -> None:  # fmt: skip
    columns[:] = 0.0
    total = long.sum()
    for i in range(len(rows)):
        place = np.searchsorted(bought, rows[i])
        if place < len(bought) and bought[place] == rows[i]:
            columns[0, i] = baskets[place]
            columns[1, i] = baskets[place] / n_baskets
            columns[2, i] = short[place]
            columns[3, i] = long[place]
            columns[4, i] = long[place] / max(total, np.float32(1e-30))
            columns[5, i] = now_day - first_day[place]
            columns[6, i] = now_day - last_day[place]
            columns[7, i] = gap_days[place]
            columns[8, i] = columns[6, i] / gap_days[place]
        else:
            columns[5, i] = columns[6, i] = NEVER_DAYS
            columns[7, i] = USUAL_GAP_DAYS
            columns[9, i] = 1.0
        for other in at_hand:
            if other == rows[i]:
                columns[10, i] = 1.0
