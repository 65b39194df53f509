"""Sparse scores to neighbour lists."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.model import Neighbours


def best_per_row(
    rows: NDArray[np.int32], columns: NDArray[np.int32], scores: NDArray[np.float32], n_items: int, kept: int
) -> Neighbours:
    """Keep the best entries above 0 of each row, best first; ties by column.

    Args:
        rows, columns, scores: (n,) entries in any order, no position twice.

    Returns:
        Scores divided by the largest of all, so that they lie in (0, 1] and rows stay comparable.
    """
    above = scores > 0
    rows, columns, scores = rows[above], columns[above], scores[above]
    order = np.lexsort((columns, -scores, rows))
    rows = rows[order]
    starts = np.searchsorted(rows, np.arange(n_items + 1))
    best = order[np.arange(len(rows)) - starts[rows] < kept]
    offsets = np.minimum(np.diff(starts), kept).cumsum()
    return Neighbours(
        offsets=np.concatenate([[0], offsets]).astype(np.int64),
        rows=columns[best].astype(np.int32),
        scores=(scores[best] / (scores.max() if len(scores) else 1.0)).astype(np.float32),
    )


def entries_of(matrix: csr_matrix) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    """Rows, columns and values of a sparse matrix."""
    rows = np.repeat(np.arange(len(matrix.indptr) - 1, dtype=np.int32), np.diff(matrix.indptr))
    return rows, matrix.indices.astype(np.int32), matrix.data.astype(np.float32)
