"""The parts that sources are made of: folding in, adding up neighbours."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.model import FoldIn
from recommender.retrieval.fold_in import MOST_ITEMS, fold_in, known_weights
from recommender.retrieval.tally import tally
from tests.builders import rows_of, shopper_with, some_neighbours

N_ITEMS = 60
SEEDS = st.lists(st.integers(0, N_ITEMS + 5), max_size=10, unique=True)


@given(st.integers(0, 50), st.integers(1, 40))
@settings(max_examples=40)
def test_folding_in_solves_the_half_step_of_least_squares(seed: int, n: int):
    rng = np.random.default_rng(seed)
    embeddings = rng.normal(size=(N_ITEMS, 8)).astype(np.float32)
    gram = embeddings.T.astype(np.float64) @ embeddings + 5.0 * np.eye(8)
    rows, weights = rng.choice(N_ITEMS, n).astype(np.int32), rng.exponential(size=n).astype(np.float32)
    items = embeddings[rows].astype(np.float64)
    expected = np.linalg.solve(gram + (items.T * 2.0 * weights) @ items, (1 + 2.0 * weights) @ items)
    found = fold_in(embeddings, FoldIn(np.linalg.inv(gram).astype(np.float32), alpha=2.0), rows, weights)
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


@given(st.integers(0, 20), SEEDS)
def test_a_tally_is_the_weighted_sum_of_the_neighbours(seed: int, seeds: list[int]):
    neighbours = some_neighbours(np.random.default_rng(seed), N_ITEMS)
    weights = np.linspace(1.0, 0.2, len(seeds), dtype=np.float32)
    expected = np.zeros(N_ITEMS)
    for row, weight in zip(seeds, weights, strict=True):
        near, scores = neighbours.of(row)
        expected[near] += weight * scores
    found = tally(neighbours, rows_of(seeds), weights)
    scores = np.empty(N_ITEMS, dtype=np.float32)
    found.write_scores(scores, np.arange(N_ITEMS, dtype=np.int32))
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    best, because = found.best(5)
    np.testing.assert_allclose(expected[best], np.sort(expected)[::-1][: len(best)], atol=1e-5)
    assert len(best) == min(5, np.count_nonzero(expected))
    assert set(because.tolist()) <= set(seeds)


def test_the_strongest_purchases_are_kept_and_what_training_did_not_see_is_left_out():
    bought = {row: [float(row + 1)] for row in range(MOST_ITEMS + 50)}
    rows, _ = known_weights(shopper_with(bought).purchases, rows_of([3, 10_000]), n_items=9_999)
    assert len(rows) == MOST_ITEMS
    assert 0 in rows
    assert 10_000 not in rows
    assert MOST_ITEMS + 49 not in rows
