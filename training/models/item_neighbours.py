"""Items bought by the same shoppers: a linear item model for the most bought, cosine neighbours for the rest."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import get_lapack_funcs
from scipy.sparse import csr_matrix

from recommender.arrays import Floats, Matrix
from recommender.model import Neighbours
from training.config import NeighboursConfig
from training.models.best_per_row import best_per_row
from training.models.cosine import Entries, best_cosines

NO_ENTRIES: Entries = (np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))


def fit_neighbours(weights: csr_matrix, buyers: Floats, config: NeighboursConfig) -> Neighbours:
    """Neighbours of each item with at least `min_buyers` buyers.

    The scores of both kinds are brought to the same mean, so that they can be added up over a shopper's items.

    Args:
        weights: (n_users, n_items) float32 interaction weights.
        buyers: (n_items,) distinct shoppers of each item.
    """
    by_buyers = np.argsort(-buyers, kind="stable")
    enough = by_buyers[buyers[by_buyers] >= config.min_buyers].astype(np.int32)
    of_enough = csr_matrix(weights[:, enough])
    n_head = min(config.head_items, len(enough))
    linear, cosine = _linear(of_enough[:, :n_head], config), best_cosines(of_enough, n_head, config.kept)
    return best_per_row(
        enough[np.concatenate([linear[0], cosine[0]])],
        enough[np.concatenate([linear[1], cosine[1]])],
        np.concatenate([_to_mean_one(linear[2]), _to_mean_one(cosine[2])]),
        len(buyers),
        config.kept,
    )


def _linear(weights: csr_matrix, config: NeighboursConfig) -> Entries:
    """Weights of the linear item model; an entry (i, j) is what i says for j.

    Source: Steck, "Embarrassingly Shallow Autoencoders", WWW 2019, doi:10.1145/3308558.3313710.
    """
    if weights.get_shape()[1] < 2:
        return NO_ENTRIES
    gram = (weights.T @ weights).toarray().astype(np.float32)
    gram[np.diag_indices_from(gram)] += np.float32(config.regularization)
    inverse = inverse_of_definite(gram)
    linear = -inverse / np.diag(inverse)[None, :]
    np.fill_diagonal(linear, 0.0)
    return _best_of_dense(linear, config.kept)


def inverse_of_definite(definite: Matrix) -> Matrix:
    """Inverse of a symmetric positive definite matrix, at half the cost of a general one; overwrites its input."""
    factorise, invert = get_lapack_funcs(("potrf", "potri"), (definite,))
    factor, _ = factorise(definite, lower=1, overwrite_a=1)
    lower, _ = invert(factor, lower=1, overwrite_c=1)
    lower = np.tril(lower)
    return lower + np.tril(lower, -1).T


def _best_of_dense(scores: Matrix, kept: int) -> Entries:
    """The largest `kept` of each row of (n, n) scores, in no order."""
    n_items = len(scores)
    kept = min(kept, n_items)
    best = np.argpartition(scores, n_items - kept, axis=1)[:, -kept:].astype(np.int32)
    values = np.take_along_axis(scores, best, axis=1).ravel()
    return np.repeat(np.arange(n_items, dtype=np.int32), kept), best.ravel(), values


def _to_mean_one(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    above = scores[scores > 0]
    return scores / above.mean() if len(above) else scores
