"""Baselines that learn from what other shoppers bought: item neighbours and matrix factorisation, each on its own."""

from collections.abc import Callable
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.arrays import Rows
from training.config import EmbeddingConfig
from training.evaluate.baselines import (
    DECAY_DAYS,
    LENGTH,
    RECENT_DAYS,
    Baseline,
    BaselineLists,
    ages,
    buyers,
    fill,
    weigh_pairs,
)
from training.evaluate.best_rows import best_rows
from training.evaluate.held_out import PastPurchases
from training.evaluate.metrics import NO_ITEM
from training.models.als import fit_embeddings
from training.models.nearest_items import nearest_items

Weighting = Callable[[PastPurchases], csr_matrix]  # (n_shoppers, n_items) float32
ScoreShoppers = Callable[[slice], NDArray[np.floating]]  # (n_shoppers of the slice, n_items)

REGULARIZATION = 10.0
SEED = 0
ITERATIONS = 15
SHOPPERS_AT_ONCE = 200


def item_neighbours(weighting: Weighting, n_nearest: int) -> Baseline:
    """Sum, over what the shopper bought, of similarity times weight."""

    def lists(past: PastPurchases) -> BaselineLists:
        weights = weighting(past)
        similar = nearest_items(weights, n_nearest)
        bought = order_counts(past)

        def scores_of(shoppers: slice) -> NDArray[np.floating]:
            return (bought[shoppers] @ similar).toarray()

        return best_by_score(past, scores_of)

    return lists


def factorisation(weighting: Weighting, factors: int = 64) -> Baseline:
    """Implicit ALS; each shopper's factors are solved for, given the items' ones."""
    config = EmbeddingConfig(
        factors=factors, iterations=ITERATIONS, regularization=REGULARIZATION, exponent=0.0, alpha=1.0
    )

    def lists(past: PastPurchases) -> BaselineLists:
        weights = weighting(past)
        items, fold_in = fit_embeddings(weights, config, SEED)
        regular = np.asarray(np.linalg.inv(fold_in.inverse.astype(np.float64)), dtype=np.float64)
        shoppers = np.array([_solve(weights[s], items, regular) for s in range(past.n_asked)])
        return best_by_score(past, lambda some: shoppers[some] @ items.T)

    return lists


def order_counts(past: PastPurchases) -> csr_matrix:
    """In how many orders each shopper had each item."""
    return shopper_items(past, np.ones(len(past.day)))


def log_counts(past: PastPurchases) -> csr_matrix:
    """log(1 + orders)."""
    counts = order_counts(past)
    counts.data = np.log1p(counts.data)
    return counts


def unit_log_counts(past: PastPurchases) -> csr_matrix:
    """log(1 + orders), each item's column of length 1: inner products are cosines."""
    weights = log_counts(past)
    lengths = np.sqrt(np.bincount(weights.indices, weights.data**2, minlength=past.n_items))
    weights.data /= lengths[weights.indices]
    return weights


def bm25_counts(past: PastPurchases) -> csr_matrix:
    """BM25 of orders."""
    return bm25(order_counts(past), saturation=1.2, by_length=0.75)


def bm25_decayed(past: PastPurchases) -> csr_matrix:
    """BM25 of orders that count less the older they are."""
    return bm25(shopper_items(past, np.exp(-ages(past) / DECAY_DAYS)), saturation=100.0, by_length=0.8)


def bm25(counts: csr_matrix, *, saturation: float, by_length: float) -> csr_matrix:
    """Weigh as a search engine does, with items for documents and shoppers for words.

    Args:
        counts: (n_shoppers, n_items).
        saturation: k1; how large a count must be until more of it hardly counts.
        by_length: b in [0, 1]; how much items with many purchases are held down.

    Source: Robertson & Zaragoza, FnTIR 2009, doi:10.1561/1500000019.
    """
    _, n_items = counts.get_shape()
    items_of_shopper = np.diff(counts.indptr)
    rarity = np.log(n_items) - np.log1p(items_of_shopper)
    purchases = np.bincount(counts.indices, counts.data, minlength=n_items)
    length = 1.0 - by_length + by_length * purchases / purchases.mean()
    saturated = counts.data * (saturation + 1.0) / (saturation * length[counts.indices] + counts.data)
    data = saturated * np.repeat(rarity, items_of_shopper)
    return csr_matrix((data.astype(np.float32), counts.indices, counts.indptr), shape=counts.get_shape())


def best_by_score(past: PastPurchases, scores_of: ScoreShoppers) -> BaselineLists:
    """The items with the highest scores above 0; what is then still free is filled with recent popularity."""
    started = perf_counter()
    popular = np.argsort(-buyers(past, RECENT_DAYS), kind="stable").astype(np.int32)
    popular = popular[past.for_sale[popular]]
    bought = order_counts(past)
    every_row = np.arange(past.n_items, dtype=np.int32)
    every = np.full((past.n_asked, LENGTH), NO_ITEM, dtype=np.int32)
    new, marks = every.copy(), np.zeros(past.n_items, dtype=np.bool_)
    for start in range(0, past.n_asked, SHOPPERS_AT_ONCE):
        shoppers = slice(start, min(start + SHOPPERS_AT_ONCE, past.n_asked))
        scores = np.where(past.for_sale, scores_of(shoppers), 0.0).astype(np.float32)
        for shopper, row_scores in zip(range(start, shoppers.stop), scores, strict=True):
            own: Rows = bought.indices[bought.indptr[shopper] : bought.indptr[shopper + 1]].astype(np.int32)
            of_own = row_scores[own]
            row_scores[own] = 0.0
            best_new = best_rows(every_row, row_scores, LENGTH)
            row_scores[own] = of_own
            both = np.concatenate([own, best_new])
            best = best_rows(both, row_scores[both], LENGTH)
            fill(every[shopper], best, popular, without=best, marks=marks)
            fill(new[shopper], best_new, popular, without=both, marks=marks)
    return BaselineLists(every=every, new=new, seconds=perf_counter() - started)


def shopper_items(past: PastPurchases, weights: NDArray[np.float64]) -> csr_matrix:
    """(n_shoppers, n_items) float32: the weights of the entries of `past`, summed over each shopper and item."""
    pairs = weigh_pairs(past, weights)
    entries = (pairs.weight.astype(np.float32), (pairs.shopper, pairs.row))
    return csr_matrix(entries, shape=(past.n_shoppers, past.n_items))


def _solve(weights: csr_matrix, items: NDArray[np.float32], regular: NDArray[np.float64]) -> NDArray[np.float32]:
    """Factors of one shopper: (Y'CY + regularization * I)^-1 Y'C1, with confidence C = 1 + weight where bought."""
    own = items[weights.indices].astype(np.float64)
    extra = weights.data.astype(np.float64)
    left = regular + own.T @ (own * extra[:, None])
    return np.linalg.solve(left, own.T @ (1.0 + extra)).astype(np.float32)
