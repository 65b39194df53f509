"""Fits the response model: a logistic regression with a ridge, by Newton's method."""

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Mask, Matrix
from recommender.offers.response import FARTHEST
from recommender.offers.response_model import ResponseModel

STEPS, SHORTEST = 50, 1e-4
CLOSE = 1e-7  # share of the loss; a step that gains less is the last


def fit_response(features: Matrix, redeemed: Mask, ridge: float) -> ResponseModel:
    """Fit the model whose penalised log-likelihood is largest.

    Args:
        features: (n, n_features). redeemed: (n,), with at least one of each kind.
        ridge: penalty on the squared weights of standardised features, half of it each; above 0.

    Source: Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 2nd ed., sections 4.4.1 and 3.4.1;
        steps that do not help are halved.
    """
    if ridge <= 0 or redeemed.all() or not redeemed.any():
        raise ValueError("the ridge must be above 0, and both kinds of examples be there")
    means, spreads = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    spreads = np.where(spreads > 1e-9, spreads, 1.0)
    design = np.ones((len(features), features.shape[1] + 1))
    design[:, 1:] = np.clip((features - means) / spreads, -FARTHEST, FARTHEST)
    labels = redeemed.astype(np.float64)
    penalty = np.full(design.shape[1], ridge)
    penalty[0] = 0.0
    weights = np.zeros(design.shape[1])
    weights[0] = np.log(labels.mean() / (1.0 - labels.mean()))
    loss = _loss(design, labels, penalty, weights)
    for _ in range(STEPS):
        chance = 1.0 / (1.0 + np.exp(-(design @ weights)))
        curvature = (design * (chance * (1.0 - chance))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, design.T @ (labels - chance) - penalty * weights)
        length = 1.0
        while (shorter := _loss(design, labels, penalty, weights + length * step)) > loss and length > SHORTEST:
            length /= 2.0
        if shorter > loss:
            break
        weights, gained, loss = weights + length * step, loss - shorter, shorter
        if gained < CLOSE * abs(loss):
            break
    parts = (weights[1:], means, spreads)
    return ResponseModel(float(weights[0]), *(part.astype(np.float32) for part in parts))


def _loss(
    design: NDArray[np.float64], labels: NDArray[np.float64], penalty: NDArray[np.float64], weights: NDArray[np.float64]
) -> float:
    log_odds = design @ weights
    return float((np.logaddexp(0.0, log_odds) - labels * log_odds).sum() + 0.5 * (penalty * weights) @ weights)
