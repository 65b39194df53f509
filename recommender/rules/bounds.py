"""Numbers that may be known only within bounds, and what can be said when they are compared."""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Mask
from recommender.rules.syntax import OPPOSITE, Order

Number = float | NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bounds:
    """A number, or one per item, that lies in [low, high]; known exactly: both are the same object; unknown: NaN."""

    low: Number
    high: Number

    @classmethod
    def exactly(cls, number: Number) -> "Bounds":
        """A number that is known, or NaN."""
        return cls(number, number)


UNKNOWN = Bounds(nan, nan)


def surely(left: Bounds, order: Order, right: Bounds) -> Mask | bool:
    """True where `left order right` holds whatever the numbers are within their bounds; never for NaN."""
    match order:
        case "<":
            return left.high < right.low
        case "<=":
            return left.high <= right.low
        case ">":
            return left.low > right.high
        case ">=":
            return left.low >= right.high
        case "==" if left.low is left.high and right.low is right.high:
            return left.low == right.low
        case "==":
            return (left.low == right.high) & (left.high == right.low)
        case "!=":
            return (left.high < right.low) | (left.low > right.high)


def compare(left: Bounds, order: Order, right: Bounds) -> bool | None:
    """The same for single numbers, three-valued."""
    if surely(left, order, right):
        return True
    return False if surely(left, OPPOSITE[order], right) else None
