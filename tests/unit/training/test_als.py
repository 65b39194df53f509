"""The factorisation: what it minimises, and that a request folds shoppers in as training would have."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.retrieval.fold_in import fold_in
from training.config import EmbeddingConfig
from training.models.als import fit_embeddings

Matrix = NDArray[np.float64]
N_USERS, N_ITEMS, FACTORS = 40, 30, 6


def config(*, iterations: int = 4, exponent: float = 1.0, alpha: float = 3.0) -> EmbeddingConfig:
    return EmbeddingConfig(factors=FACTORS, iterations=iterations, regularization=0.5, exponent=exponent, alpha=alpha)


def interactions(seed: int) -> csr_matrix:
    rng = np.random.default_rng(seed)
    # Two tastes, and items of ever fewer buyers; the last has none.
    likes = rng.random((N_USERS, N_ITEMS)) < np.linspace(0.6, 0.05, N_ITEMS) * (0.3 + (np.arange(N_USERS) % 2)[:, None])
    weights = np.where(likes, rng.exponential(size=likes.shape), 0.0).astype(np.float32)
    weights[:, -1] = 0.0
    return csr_matrix(weights)


def regularization(weights: Matrix, n_others: int, settings: EmbeddingConfig) -> Matrix:
    return settings.regularization * (1.0 + settings.alpha * weights.sum(axis=1) / n_others) ** settings.exponent


def best_rows(weights: Matrix, others: Matrix, settings: EmbeddingConfig) -> Matrix:
    """Each row solved for directly."""
    solved = []
    for row, ridge in zip(weights, regularization(weights, len(others), settings), strict=True):
        confidence = 1.0 + settings.alpha * row
        system = (others.T * confidence) @ others + ridge * np.eye(FACTORS)
        solved.append(np.linalg.solve(system, others.T @ (confidence * (row > 0))))
    return np.array(solved)


def loss(weights: Matrix, items: Matrix, settings: EmbeddingConfig) -> float:
    """Of the items with the users that go with them best."""
    users = best_rows(weights, items, settings)
    errors = (1.0 + settings.alpha * weights) * ((weights > 0) - users @ items.T) ** 2
    sizes = regularization(weights, N_ITEMS, settings) @ (users**2).sum(axis=1)
    return float(errors.sum() + sizes + regularization(weights.T, N_USERS, settings) @ (items**2).sum(axis=1))


@given(st.integers(0, 50), st.sampled_from([0.0, 0.5, 1.0, 2.0]), st.sampled_from([0.5, 3.0, 20.0]))
@settings(max_examples=30)
def test_folding_a_shopper_in_is_a_full_solve_of_the_row(seed: int, exponent: float, alpha: float):
    weights, asked = interactions(seed), config(exponent=exponent, alpha=alpha)
    items, fold = fit_embeddings(weights, asked, seed)
    expected = best_rows(weights.toarray().astype(np.float64), items.astype(np.float64), asked)
    for user in range(0, N_USERS, 7):
        row = weights[user]
        if row.nnz:
            found = fold_in(items, fold, row.indices.astype(np.int32), row.data)
            np.testing.assert_allclose(found, expected[user], atol=5e-3 * np.abs(expected[user]).max())


@given(st.integers(0, 50), st.sampled_from([0.0, 1.0]))
@settings(max_examples=15)
def test_more_rounds_never_fit_worse(seed: int, exponent: float):
    weights = interactions(seed)
    plain = weights.toarray().astype(np.float64)
    losses = []
    for iterations in (1, 3, 12):
        asked = config(iterations=iterations, exponent=exponent)
        items, _ = fit_embeddings(weights, asked, seed)
        losses.append(loss(plain, items.astype(np.float64), asked))
    assert losses[0] * 1.001 >= losses[1] >= losses[2] * 0.999


def test_an_item_that_nobody_bought_stays_at_zero():
    items, _ = fit_embeddings(interactions(2), config(), 2)
    assert not items[-1].any()
    assert np.isfinite(items).all()
