"""Ids as numbers: what is counted by sorting numbers takes a tenth of a table's memory."""

import numpy as np
import polars as pl
from numpy.typing import NDArray


def numbers_of(ids: pl.Series) -> NDArray[np.integer]:
    """(n,) numbers that ascend with the ids: texts, an enumeration of ascending texts, or numbers, which they stay."""
    if ids.dtype == pl.String():
        ids = ids.cast(pl.Enum(ids.unique().sort()))
    return ids.to_physical().to_numpy()


def without_gaps(*numbers: NDArray[np.integer]) -> NDArray[np.int32]:
    """For each number up to the largest of `numbers`, how many smaller ones are among them."""
    there = np.zeros(max(int(some.max(initial=0)) for some in numbers) + 1, dtype=np.int32)
    for some in numbers:
        there[some] = 1
    return np.cumsum(there, dtype=np.int32) - there


def number_orders(users: NDArray[np.integer], order_ids: NDArray[np.integer]) -> NDArray[np.int64]:
    """(n,) the order of each line, from 0 by user and id; lines of one mostly come together, which makes it fast."""
    pairs = users * (np.int64(1) + order_ids.max(initial=0)) + order_ids
    begins = starts_of(pairs)
    _, numbers = np.unique(pairs[begins], return_inverse=True)
    return np.repeat(numbers, np.diff(begins, append=len(pairs)))


def starts_of(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where a number at least 0 follows another one."""
    return np.flatnonzero(np.diff(numbers, prepend=-1))


def distinct(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each number at least 0 once, ascending; `np.unique` would put them into a hash table, which takes far longer."""
    numbers = np.sort(numbers)
    return numbers[starts_of(numbers)]
