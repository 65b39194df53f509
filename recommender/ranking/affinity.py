"""How much of what a shopper buys is of the same kind as an item."""

import numpy as np

from recommender.arrays import Floats, Rows
from recommender.catalogue import Catalogue
from recommender.shopper import Purchases


def category_affinity(purchases: Purchases, catalogue: Catalogue, rows: Rows) -> Floats:
    """Share of the shopper's purchases, in [0, 1], that is of the category of each of `rows`."""
    return affinity("category", purchases, catalogue, rows)


def affinity(fact: str, purchases: Purchases, catalogue: Catalogue, rows: Rows) -> Floats:
    """Share of the shopper's (decayed) purchases that have the same word for `fact` as each of `rows`.

    Returns:
        (n,) float32 in [0, 1]; 0 where the item's fact is not known.
    """
    column = catalogue.text[fact]
    total = float(purchases.decayed_long.sum())
    if total <= 0.0:
        return np.zeros(len(rows), dtype=np.float32)
    # code -1, not known, takes place 0
    weights = np.bincount(column.codes[purchases.rows] + 1, purchases.decayed_long, minlength=len(column.words) + 1)
    weights[0] = 0.0
    return (weights[column.codes[rows] + 1] / total).astype(np.float32)
