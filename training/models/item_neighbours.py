"""Items bought by the same shoppers: a linear item model for the most bought, cosine neighbours for the rest."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.sparse import csr_matrix, diags

from recommender.model import Neighbours
from training.config import NeighboursConfig
from training.models.best_per_row import best_per_row


def fit_neighbours(weights: csr_matrix, buyers: NDArray[np.int64], config: NeighboursConfig) -> Neighbours:
    """Neighbours of each item with at least `min_buyers` buyers.

    Args:
        weights: (n_users, n_items) float32 interaction weights.
        buyers: (n_items,) distinct shoppers of each item.
    """
    n_items = weights.shape[1]
    by_buyers = np.argsort(-buyers, kind="stable")
    enough = by_buyers[buyers[by_buyers] >= config.min_buyers].astype(np.int32)
    head, tail = enough[: config.head_items], enough[config.head_items :]
    parts = [_linear(weights, head, config), _cosine(weights, tail, enough, config.kept)]
    rows, columns, scores = (np.concatenate(column) for column in zip(*parts, strict=True))
    return best_per_row(rows, columns, scores, n_items, config.kept)


Entries = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]
NO_ENTRIES: Entries = (np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))


def _linear(weights: csr_matrix, head: NDArray[np.int32], config: NeighboursConfig) -> Entries:
    """Weights of the linear item model among the head items; an entry (i, j) is what i says for j.

    Source: Steck, "Embarrassingly Shallow Autoencoders", WWW 2019, doi:10.1145/3308558.3313710.
    """
    if len(head) < 2:
        return NO_ENTRIES
    selected = weights[:, head]
    gram = (selected.T @ selected).toarray().astype(np.float32)
    gram[np.diag_indices_from(gram)] += config.regularization
    factor, failed = lapack.spotrf(gram, lower=1, overwrite_a=1)
    inverse, failed = lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed:
        return NO_ENTRIES
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    linear = -inverse / np.diag(inverse)[None, :]
    np.fill_diagonal(linear, 0.0)
    return _best_of_dense(linear, head, head, config.kept)


def _cosine(weights: csr_matrix, rows: NDArray[np.int32], columns: NDArray[np.int32], kept: int) -> Entries:
    """Cosine of the columns `rows` with the columns `columns`, a slice at a time."""
    lengths = np.sqrt(np.asarray(weights.multiply(weights).sum(axis=0)).ravel())
    unit = (weights @ diags(1.0 / np.maximum(lengths, 1e-12))).tocsc().astype(np.float32)
    others = unit[:, columns].tocsr()
    parts = [NO_ENTRIES]
    for start in range(0, len(rows), 2000):
        part = rows[start : start + 2000]
        cosine = np.asarray((unit[:, part].T @ others).todense(), dtype=np.float32)
        cosine[part[:, None] == columns[None, :]] = 0.0
        parts.append(_best_of_dense(cosine, part, columns, kept))
    entries = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return entries[0], entries[1], entries[2]


def _best_of_dense(
    scores: NDArray[np.float32], rows: NDArray[np.int32], columns: NDArray[np.int32], kept: int
) -> Entries:
    kept = min(kept, scores.shape[1])
    best = np.argpartition(-scores, kept - 1, axis=1)[:, :kept]
    values = np.take_along_axis(scores, best, axis=1).ravel()
    return np.repeat(rows, kept), columns[best.ravel()], values
