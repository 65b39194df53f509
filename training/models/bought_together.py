"""Items in the same baskets, corrected for how often they are bought anyway."""

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix

from recommender.arrays import Scores
from recommender.model import Neighbours
from training.config import BoughtTogetherConfig
from training.models.best_per_row import best_per_row, entries_of

SLICE = 2000  # items whose pairs are counted at a time, which bounds memory


def fit_bought_together(purchases: pl.DataFrame, n_items: int, config: BoughtTogetherConfig) -> Neighbours:
    """Partners of each item with at least `min_baskets` baskets.

    In: order u32, item_row i32; at most one row per (order, item).
    """
    orders, rows = purchases["order"].to_numpy(), purchases["item_row"].to_numpy()
    baskets = np.bincount(rows, minlength=n_items)
    enough = np.flatnonzero(baskets >= config.min_baskets).astype(np.int32)
    position = np.full(n_items, -1, dtype=np.int32)
    position[enough] = np.arange(len(enough), dtype=np.int32)
    kept = position[rows] >= 0
    n_orders = int(orders.max()) + 1
    coordinates = (orders[kept].astype(np.int32), position[rows[kept]])
    by_order = csr_matrix((np.ones(kept.sum(), np.float32), coordinates), shape=(n_orders, len(enough)))
    by_item = by_order.T.tocsr()
    parts = [
        _pairs(by_item, by_order, start, baskets[enough], n_orders, config)
        for start in range(0, max(len(enough), 1), SLICE)
    ]
    first, second, scores = (np.concatenate(column) for column in zip(*parts, strict=True))
    return best_per_row(enough[first], enough[second], scores, n_items, config.kept)


def _pairs(
    by_item: csr_matrix,
    by_order: csr_matrix,
    start: int,
    baskets: np.ndarray,
    n_orders: int,
    config: BoughtTogetherConfig,
) -> tuple[np.ndarray, np.ndarray, Scores]:
    first, second, together = entries_of(csr_matrix(by_item[start : start + SLICE] @ by_order))
    first = first + start
    often = (together >= config.min_together) & (first != second)
    first, second, together = first[often], second[often], together[often]
    return first, second, association(together, baskets[first], baskets[second], n_orders, config.shrinkage)


def association(together: Scores, first: np.ndarray, second: np.ndarray, n_orders: int, shrinkage: float) -> Scores:
    """Logarithm of the lift of each pair, times c / (c + shrinkage) for its c common baskets.

    Args:
        together, first, second: (n,) baskets with both items, with the one, with the other; all above 0.

    Returns:
        (n,) float32; above 0: together more often than by chance.
    """
    lift = together.astype(np.float64) * n_orders / (first.astype(np.float64) * second)
    return (np.log(lift) * together / (together + shrinkage)).astype(np.float32)
