"""Each shopper with each item that they bought; by sorting numbers, which takes a tenth of a table's memory."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recommender.arrays import Rows


def pairs_of(purchases: pl.DataFrame, n_items: int) -> tuple[Rows, NDArray[np.int64]]:
    """Item row of each pair of a shopper and an item, and how often the one bought the other.

    In: user u32, item_row i32 below `n_items`.
    """
    pairs = np.sort(purchases["user"].to_numpy() * np.int64(n_items) + purchases["item_row"].to_numpy())
    starts = np.flatnonzero(np.diff(pairs, prepend=-1))
    return (pairs[starts] % n_items).astype(np.int32), np.diff(starts, append=len(pairs))
