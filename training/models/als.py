"""Item embeddings by implicit alternating least squares, with the solver that folds shoppers in."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from recommender.arrays import Floats, Matrix, Rows
from recommender.model import FoldIn
from recommender.native import F32, I32, I64, NOTHING, compiled, reads, writes
from recommender.retrieval.fold_in import solve_half_step
from training.config import EmbeddingConfig
from training.lanes import LANE_THREADS

STEPS = 4  # of conjugate gradients in a half step, half of what a request takes: the next round corrects the rest
ROWS_AT_ONCE = 4096
SPREAD = 0.01  # of the random embeddings to begin with


def fit_embeddings(weights: csr_matrix, config: EmbeddingConfig, seed: int) -> tuple[Matrix, FoldIn]:
    """Factorise the interactions.

    Args:
        weights: (n_users, n_items) float32, at least 0; confidence is 1 + alpha * weight where there is an entry.

    Returns:
        (n_items, factors) float32, zeros for items without interactions, and what folds a shopper in.

    Source: Hu, Koren & Volinsky, ICDM 2008, doi:10.1109/ICDM.2008.22; the regularisation is that of FoldIn, whose
    `regularization_of` counts shoppers where it is asked of an item.
    """
    n_users, n_items = weights.get_shape()
    by_user, by_item = _entries(weights), _entries(csr_matrix(weights.T))
    rng = np.random.default_rng(seed)
    items = (SPREAD * rng.standard_normal((n_items, config.factors))).astype(np.float32)
    items[np.diff(by_item[0]) == 0] = 0.0
    users = np.zeros((n_users, config.factors), dtype=np.float32)
    with ThreadPoolExecutor(LANE_THREADS) as threads, threadpool_limits(1, "blas"):
        for _ in range(config.iterations):
            _half_step(users, items, by_user, config, threads)
            _half_step(items, users, by_item, config, threads)
    return items, fold_in_of(items, config)


def fold_in_of(others: Matrix, config: EmbeddingConfig) -> FoldIn:
    """What folds rows into the (n, d) embeddings of what they interact with."""
    gram = (others.T @ others).astype(np.float64) + config.regularization * np.eye(config.factors)
    inverse = np.linalg.inv(gram).astype(np.float32)
    return FoldIn(inverse, config.alpha, config.regularization, config.exponent)


Entries = tuple[NDArray[np.int64], Rows, Floats]  # starts of the rows, columns, weights


def _entries(weights: csr_matrix) -> Entries:
    starts, columns = weights.indptr.astype(np.int64), weights.indices.astype(np.int32, copy=False)
    return starts, columns, weights.data.astype(np.float32, copy=False)


def _half_step(
    solved: Matrix, others: Matrix, entries: Entries, config: EmbeddingConfig, threads: ThreadPoolExecutor
) -> None:
    """Solve all rows of `solved`, given the others; blocks of rows in threads, since the loop releases the lock."""
    fold, (starts, columns, weights) = fold_in_of(others, config), entries

    def solve(first: int) -> None:
        block = slice(first, min(first + ROWS_AT_ONCE, len(solved)))
        _solve_rows(
            solved[block], others, starts[first : block.stop + 1], columns, weights, fold.inverse,
            fold.alpha, fold.regularization, fold.exponent,
        )  # fmt: skip

    list(threads.map(solve, range(0, len(solved), ROWS_AT_ONCE)))


@compiled(NOTHING, writes(F32, 2), reads(F32, 2), reads(I64), reads(I32), reads(F32), reads(F32, 2), F32, F32, F32)
def _solve_rows(
    solved: Matrix, others: Matrix, starts: NDArray[np.int64], columns: Rows, weights: Floats, inverse: Matrix,
    alpha: float, regularization: float, exponent: float,
) -> None:  # fmt: skip
    for row in range(len(solved)):
        start, end = starts[row], starts[row + 1]
        if start == end:
            solved[row] = 0.0
            continue
        known = np.float32(1.0) + alpha * weights[start:end].sum() / np.float32(len(others))
        ridge = regularization * (known**exponent - np.float32(1.0))
        solve_half_step(solved[row], others, columns[start:end], weights[start:end], alpha, inverse, ridge, STEPS)
