"""Cosine neighbours against the dense matrix of all cosines."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from training.models.cosine import best_cosines


@given(seed=st.integers(0, 10_000), n_users=st.integers(1, 12), n_items=st.integers(1, 150), kept=st.integers(1, 6))
def test_the_largest_cosines_are_found(seed, n_users, n_items, kept):
    rng = np.random.default_rng(seed)
    weights = (rng.random((n_users, n_items)) * (rng.random((n_users, n_items)) < 0.4)).astype(np.float32)
    first = int(rng.integers(0, n_items + 1))
    rows, neighbours, scores = best_cosines(csr_matrix(weights), first, kept)

    lengths = np.maximum(np.sqrt((weights.astype(np.float64) ** 2).sum(0)), 1e-30)
    cosines = (weights / lengths).T @ (weights / lengths)
    np.fill_diagonal(cosines, 0)
    assert set(rows) <= set(range(first, n_items))
    for row in range(first, n_items):
        expected = np.sort(cosines[row][cosines[row] > 0])[::-1][:kept]
        np.testing.assert_allclose(np.sort(scores[rows == row])[::-1], expected, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(scores[rows == row], cosines[row, neighbours[rows == row]], rtol=1e-4, atol=1e-6)
