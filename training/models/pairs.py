"""Each shopper with each item that they bought; by sorting numbers, which takes a tenth of a table's memory."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.offline.numbers import starts_of
from recommender.arrays import Rows


def pairs_of(purchases: pl.DataFrame, n_items: int) -> tuple[Rows, NDArray[np.int64]]:
    """Item row of each pair of a shopper and an item, and how often the one bought the other.

    In: user u32, item_row i32 below `n_items`.
    """
    pairs = np.sort(_numbers(purchases, n_items))
    starts = starts_of(pairs)
    return (pairs[starts] % n_items).astype(np.int32), np.diff(starts, append=len(pairs))


def first_days_of(purchases: pl.DataFrame, n_items: int) -> tuple[Rows, NDArray[np.float64]]:
    """Item row of each pair, and the day when the one bought the other first.

    In: user u32, item_row i32 below `n_items`, day f64.
    """
    pairs = _numbers(purchases, n_items)
    order = np.argsort(pairs, kind="stable")
    pairs = pairs[order]
    starts = starts_of(pairs)
    firsts = np.minimum.reduceat(purchases["day"].to_numpy()[order], starts)
    return (pairs[starts] % n_items).astype(np.int32), firsts


def gaps_of(purchases: pl.DataFrame, n_items: int) -> tuple[Rows, NDArray[np.float64]]:
    """Item row of each time that a shopper bought an item again, and the days since they bought it last, above 0.

    In: user u32, item_row i32 below `n_items`, day f64; ascending by day.
    """
    pairs = _numbers(purchases, n_items)
    order = np.argsort(pairs, kind="stable")
    pairs = pairs[order]
    again = np.flatnonzero(pairs[1:] == pairs[:-1])
    days = purchases["day"].to_numpy()
    gaps = days[order[again + 1]] - days[order[again]]
    return (pairs[again] % n_items).astype(np.int32)[gaps > 0], gaps[gaps > 0]


def _numbers(purchases: pl.DataFrame, n_items: int) -> NDArray[np.int64]:
    return purchases["user"].to_numpy() * np.int64(n_items) + purchases["item_row"].to_numpy()
