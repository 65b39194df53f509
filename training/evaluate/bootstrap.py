"""How sure a mean over shoppers is: intervals by drawing the shoppers anew."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLES = 2000
AT_ONCE = 50  # samples, which bounds memory


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float


def intervals(columns: NDArray[np.float64], rng: np.random.Generator, n_samples: int = SAMPLES) -> list[Interval]:
    """The mean of each column, with the percentile interval of a bootstrap over rows; every column of the same draws.

    Args:
        columns: (n_shoppers, n_columns) without NaN, n_shoppers at least 1.

    Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    return intervals_of_groups(columns, np.arange(len(columns)), rng, n_samples)


def intervals_of_groups(
    columns: NDArray[np.float64], groups: NDArray[np.int64], rng: np.random.Generator, n_samples: int = SAMPLES
) -> list[Interval]:
    """The same where rows of one group stand or fall together: groups are drawn, not rows.

    Args:
        groups: (n,) of each row; drawn row by row, intervals would be too narrow.
    """
    of_group = np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(of_group)
    n = len(sizes)
    sums = np.column_stack([np.bincount(of_group, column) for column in columns.T])
    means = np.empty((n_samples, columns.shape[1]))
    for start in range(0, n_samples, AT_ONCE):
        size = min(AT_ONCE, n_samples - start)
        drawn = rng.integers(0, n, (size, n)) + np.arange(size)[:, None] * n
        counts = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
        means[start : start + size] = counts @ sums / (counts @ sizes)[:, None]
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    middle = columns.mean(axis=0)
    return [Interval(*map(float, found)) for found in zip(middle, low, high, strict=True)]
