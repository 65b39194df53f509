"""Item embeddings by implicit alternating least squares: the only place that imports implicit's factor models."""

from typing import Any

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from recommender.arrays import Matrix
from recommender.model import FoldIn
from training.config import EmbeddingConfig
from training.lanes import LANE_THREADS


def fit_embeddings(weights: csr_matrix, config: EmbeddingConfig, seed: int) -> tuple[Matrix, FoldIn]:
    """Factorise the interactions.

    Args:
        weights: (n_users, n_items) float32, at least 0; confidence is 1 + alpha * weight where there is an entry.

    Returns:
        (n_items, factors) float32, zeros for items without interactions, and what folds a shopper in.

    Source: Hu, Koren & Volinsky, ICDM 2008, doi:10.1109/ICDM.2008.22.
    """
    confidence = weights.copy()
    confidence.data = (1.0 + config.alpha * confidence.data).astype(np.float32)
    with threadpool_limits(1, "blas"):  # it runs threads of its own, and is slow when BLAS adds more
        model: Any = AlternatingLeastSquares(  # untyped
            factors=config.factors,
            regularization=config.regularization,
            alpha=1.0,
            iterations=config.iterations,
            random_state=seed,
            num_threads=LANE_THREADS,
        )
        model.fit(confidence, show_progress=False)
    embeddings: Matrix = np.array(model.item_factors, dtype=np.float32)
    embeddings[np.diff(weights.tocsc().indptr) == 0] = 0.0
    gram = embeddings.T.astype(np.float64) @ embeddings + config.regularization * np.eye(config.factors)
    return embeddings, FoldIn(inverse=np.linalg.inv(gram).astype(np.float32), alpha=config.alpha)
