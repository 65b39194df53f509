"""Nearest items by inner product: the only place that imports implicit's neighbour search."""

from implicit.nearest_neighbours import ItemItemRecommender
from scipy.sparse import csr_matrix


def nearest_items(weights: csr_matrix, n_nearest: int) -> csr_matrix:
    """Inner products of the columns of `weights`, the `n_nearest` largest of each, itself among them.

    Args:
        weights: (n_shoppers, n_items) float, at least 0.

    Returns:
        (n_items, n_items) float64; row i holds the nearest of item i.
    """
    model = ItemItemRecommender(K=n_nearest)
    model.fit(weights.astype("float64"), show_progress=False)
    return csr_matrix(model.similarity)
