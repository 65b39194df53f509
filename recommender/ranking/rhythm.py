"""How long it takes until a shopper buys an item again."""

import numpy as np

from recommender.arrays import Floats
from recommender.ranking.gather import take_or
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
    items = take_or(gap_days, purchases.rows, np.nan)
    gap = np.where(np.isnan(items), np.float32(USUAL_GAP_DAYS), items)
    own = (purchases.last_day - purchases.first_day) / np.maximum(purchases.baskets - 1.0, 1.0)
    gap = np.where(purchases.baskets >= BASKETS_OF_A_RHYTHM, own, gap)
    return np.maximum(gap, SHORTEST_GAP_DAYS).astype(np.float32)
