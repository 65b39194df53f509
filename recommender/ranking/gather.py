"""Reading facts of training for rows that it may not have seen."""

import numpy as np

from recommender.arrays import Floats, Rows
from recommender.native import F32, I32, compiled, reads, writes


def take_or(values: Floats, rows: Rows, missing: float) -> Floats:
    """`values[rows]`, with `missing` for rows that `values` does not reach."""
    return _take_or(values, rows, np.float32(missing))


@compiled(writes(F32), reads(F32), reads(I32), F32)
def _take_or(values: Floats, rows: Rows, missing: np.float32) -> Floats:
    taken = np.empty(len(rows), dtype=np.float32)
    for i in range(len(rows)):
        taken[i] = values[rows[i]] if rows[i] < len(values) else missing
    return taken
