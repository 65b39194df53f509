"""What everyone does with an item, its price and its age."""

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Floats, Matrix, Rows
from recommender.native import F32, F64, I32, compiled, reads, writes
from recommender.ranking.rhythm import USUAL_GAP_DAYS
from recommender.situation import Situation

OLDEST_DAYS = 1_000.0  # the age of items that are older, or of unknown age

ITEM_FEATURES = (
    "buyers_log",
    "recent_buyers_log",
    "weekly_buyers_log",
    "trend",
    "repeat_share",
    "gap_days",  # the item's own, between two purchases by one shopper
    "item_age_days",
    "price_log",
    "price_log_above_usual",  # of what this shopper buys
)


def item_features(situation: Situation, rows: Rows) -> Matrix:
    """(len(ITEM_FEATURES), n) of item rows, in any order; rows that training did not see have no buyers."""
    popularity, rhythm, number = situation.model.popularity, situation.model.rhythm, situation.catalogue.number
    return _fill(
        rows, situation.now_day, popularity.overall, popularity.recent, popularity.weekly, popularity.trend,
        rhythm.repeat_share, rhythm.gap_days, number["added_day"], number["price"], situation.shopper.purchases.rows,
    )  # fmt: skip


@compiled(
    writes(F32, 2), reads(I32), F64, reads(F32), reads(F32), reads(F32), reads(F32), reads(F32), reads(F32),
    reads(F64), reads(F64), reads(I32),
)  # fmt: skip
def _fill(
    rows: Rows, now_day: float, overall: Floats, recent: Floats, weekly: Floats, trend: Floats, repeat_share: Floats,
    gap_days: Floats, added_day: NDArray[np.float64], price: NDArray[np.float64], bought: Rows,
) -> Matrix:  # fmt: skip
    usual, n_priced = 0.0, 0
    for row in bought:
        if price[row] > -1.0:  # known
            usual += np.log1p(price[row])
            n_priced += 1
    columns = np.zeros((9, len(rows)), dtype=np.float32)
    for i in range(len(rows)):
        row = rows[i]
        columns[3, i], columns[5, i] = 1.0, USUAL_GAP_DAYS
        if row < len(overall):
            columns[0, i] = np.log1p(overall[row])
            columns[1, i] = np.log1p(recent[row])
            columns[2, i] = np.log1p(weekly[row])
            columns[3, i] = trend[row]
            columns[4, i] = repeat_share[row]
            if not np.isnan(gap_days[row]):
                columns[5, i] = gap_days[row]
        age_days = now_day - added_day[row]
        columns[6, i] = age_days if age_days < OLDEST_DAYS else OLDEST_DAYS  # noqa: FURB136 -- also where not known
        if price[row] > -1.0:
            columns[7, i] = np.log1p(price[row])
            columns[8, i] = columns[7, i] - usual / n_priced if n_priced else 0.0
    return columns
