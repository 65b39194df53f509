"""What everyone does with an item, its price and its age."""

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Matrix, Rows
from recommender.catalogue import PRICE
from recommender.native import F32, F64, I32, NOTHING, compiled, reads, writes
from recommender.situation import Situation

OLDEST_DAYS = 1_000.0  # the age of items that are older, or of unknown age

N_ITEM_FACTS = 7  # features of an item that `Model.item_facts` holds, in their order

ITEM_FEATURES = (
    "buyers_log",
    "recent_buyers_log",
    "weekly_buyers_log",
    "trend",
    "repeat_share",
    "gap_days",  # the item's own, between two purchases by one shopper
    "tried",  # by how many of 10,000 who had never bought it
    "item_age_days",
    "price_log",
    "price_log_above_usual",  # of what this shopper buys
)


def write_item_features(into: Matrix, situation: Situation, rows: Rows) -> None:
    """Write (len(ITEM_FEATURES), n) of item rows, in any order; rows that training did not see have no buyers."""
    catalogue = situation.catalogue
    _fill(
        into, rows, situation.now_day, situation.model.item_facts, catalogue.number["added_day"], catalogue.cards,
        situation.shopper.purchases.rows,
    )  # fmt: skip


@compiled(NOTHING, writes(F32, 2), reads(I32), F64, reads(F32, 2), reads(F64), reads(I32, 2), reads(I32))
def _fill(
    columns: Matrix, rows: Rows, now_day: float, item_facts: Matrix, added_day: NDArray[np.float64],
    cards: NDArray[np.int32], bought: Rows,
) -> None:  # fmt: skip
    usual, n_priced = 0.0, 0
    for row in bought:
        if cards[row, PRICE] >= 0:  # known
            usual += np.log1p(np.float64(cards[row, PRICE]))
            n_priced += 1
    for i in range(len(rows)):
        row = rows[i]
        for fact in range(N_ITEM_FACTS):
            columns[fact, i] = item_facts[min(row, len(item_facts) - 1), fact]  # the last is of items not seen
        age_days = now_day - added_day[row]
        columns[7, i] = np.fmin(age_days, OLDEST_DAYS)  # also where it is not known
        columns[8, i] = columns[9, i] = 0.0
        if cards[row, PRICE] >= 0:
            columns[8, i] = np.log1p(np.float64(cards[row, PRICE]))
            columns[9, i] = columns[8, i] - usual / n_priced if n_priced else 0.0
