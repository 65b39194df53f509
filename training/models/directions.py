"""Vectors of items that come near each other in sessions: a factorised table of how much more often than by chance."""

import numpy as np
from scipy.sparse import csr_matrix

from recommender.arrays import Matrix

OVERSAMPLED = 10  # vectors more than are kept, which makes the kept ones exact enough
ROUNDS = 4  # of power iterations, for the same end
SMOOTHING = 0.75  # exponent of how often an item comes, which holds down what is rare


def directions(followed: csr_matrix, factors: int, seed: int) -> Matrix:
    """Factorise the positive pointwise mutual information of items by a randomised singular value decomposition.

    Args:
        followed: (n_items, n_items) how strongly the column's item comes after the row's, at least 0.

    Returns:
        (n_items, factors) float32, each of length 1; 0 for an item that comes with no other.

    Sources: Levy & Goldberg, NIPS 2014; Halko, Martinsson & Tropp, SIAM Review 2011, doi:10.1137/090771806.
    """
    information = _information(followed)
    n_items, _ = information.get_shape()
    width = min(factors + OVERSAMPLED, n_items)
    rng = np.random.default_rng(seed)
    basis = rng.standard_normal((n_items, width), dtype=np.float32)
    for _ in range(ROUNDS):
        basis = np.linalg.qr(information.T @ np.linalg.qr(information @ basis)[0])[0]
    left, strengths, _ = np.linalg.svd(information @ basis, full_matrices=False)
    vectors = np.zeros((n_items, factors), dtype=np.float32)
    vectors[:, :width] = (left * np.sqrt(strengths))[:, :factors]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def _information(followed: csr_matrix) -> csr_matrix:
    """Positive pointwise mutual information of two different items, whichever came first."""
    together = (followed + followed.T).tocoo()
    sums = np.asarray(together.sum(axis=1), dtype=np.float64).ravel()
    smoothed = sums**SMOOTHING
    first, second = together.row, together.col
    lift = together.data * smoothed.sum() / np.maximum(sums[first] * smoothed[second], 1e-12)
    kept = (lift > 1) & (first != second)
    entries = (np.log(lift[kept]).astype(np.float32), (first[kept], second[kept]))
    return csr_matrix(entries, shape=together.shape)
