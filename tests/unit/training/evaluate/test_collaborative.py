import numpy as np
import pytest
from scipy.sparse import csr_matrix

from training.evaluate.baselines import BaselineLists
from training.evaluate.collaborative import (
    bm25,
    bm25_counts,
    factorisation,
    item_neighbours,
    log_counts,
    unit_log_counts,
)
from training.evaluate.held_out import PastPurchases

N_ITEMS = 40
TASTES = (range(6), range(6, 12))  # two kinds of shopper, who buy from six items each


@pytest.fixture(scope="module")
def past():
    """30 shoppers, odd ones of one taste and even ones of the other; each lacks one item of it."""
    entries = [
        (shopper, row, 900.0 + shopper)
        for shopper in range(30)
        for row in TASTES[shopper % 2]
        if row % 6 != shopper % 6
    ]
    shopper, row, day = (np.array(column) for column in zip(*entries, strict=True))
    return PastPurchases(
        cut_day=1000.0,
        n_shoppers=30,
        n_asked=10,
        n_items=N_ITEMS,
        shopper=shopper.astype(np.int32),
        row=row.astype(np.int32),
        day=day,
        for_sale=np.arange(N_ITEMS) != 39,
    )


@pytest.mark.parametrize(
    "baseline",
    [
        item_neighbours(unit_log_counts, 12),
        item_neighbours(bm25_counts, 12),
        factorisation(log_counts, factors=2),
    ],
)
def test_the_item_that_a_shopper_of_this_taste_lacks_comes_first(past, baseline):
    lists: BaselineLists = baseline(past)
    for shopper in range(past.n_asked):
        taste = TASTES[shopper % 2]
        assert lists.new[shopper, 0] == taste[shopper % 6]
        assert set(lists.every[shopper, :5].tolist()) <= set(taste)
    assert not (lists.every == 39).any()


def test_new_lists_hold_nothing_bought_before(past):
    lists = item_neighbours(unit_log_counts, 12)(past)
    for shopper in range(past.n_asked):
        assert not np.isin(lists.new[shopper], past.row[past.shopper == shopper]).any()


def test_bm25_equals_its_formula():
    counts = np.array([[2.0, 0.0, 1.0], [0.0, 3.0, 1.0]], dtype=np.float32)
    weighed = bm25(csr_matrix(counts), saturation=1.2, by_length=0.75).toarray()
    length = counts.sum(axis=0)
    rarity = np.log(3) - np.log1p((counts > 0).sum(axis=1))
    norm = 1.2 * (1 - 0.75 + 0.75 * length / length.mean())
    np.testing.assert_allclose(weighed, counts * 2.2 / (norm + counts) * rarity[:, None], rtol=1e-5)
