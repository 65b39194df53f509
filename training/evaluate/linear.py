"""A baseline that learns, for every item, how much each other item says for it: EASE."""

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Matrix
from training.evaluate.baselines import DECAY_DAYS, Baseline, BaselineLists, ages, buyers
from training.evaluate.collaborative import best_by_score, shopper_items
from training.evaluate.held_out import PastPurchases
from training.models.item_neighbours import inverse_of_definite

MOST_ITEMS = 8_000  # most bought ones; the weights take 4 bytes for each pair of them


def linear_items(regularization: float) -> Baseline:
    """Scores are the shopper's decayed orders times the weights; items below the most bought ones have no score.

    Source: Steck, "Embarrassingly Shallow Autoencoders", WWW 2019, doi:10.1145/3308558.3313710.
    """

    def lists(past: PastPurchases) -> BaselineLists:
        head = np.sort(np.argsort(-buyers(past), kind="stable")[: min(MOST_ITEMS, past.n_items)])
        bought = shopper_items(past, np.exp(-ages(past) / DECAY_DAYS))[:, head]
        weights = fit_linear_items((bought.T @ bought).toarray(), regularization)

        def scores_of(shoppers: slice) -> NDArray[np.floating]:
            scores = np.zeros((shoppers.stop - shoppers.start, past.n_items), dtype=np.float32)
            scores[:, head] = bought[shoppers] @ weights
            return scores

        return best_by_score(past, scores_of)

    return lists


def fit_linear_items(gram: Matrix, regularization: float) -> Matrix:
    """(n, n) weights, 0 on the diagonal; an entry (i, j) is what one of i says for j. Overwrites `gram`."""
    gram[np.diag_indices_from(gram)] += np.float32(regularization)
    inverse = inverse_of_definite(gram)
    weights = -inverse / np.diag(inverse)[None, :]
    np.fill_diagonal(weights, 0.0)
    return weights
