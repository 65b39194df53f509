"""The parts that sources are made of: folding in, adding up neighbours."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.model import FoldIn
from recommender.retrieval.fold_in import MOST_ITEMS, fold_in, known_weights
from recommender.retrieval.selection import best, distinct, first_of, in_turn
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


FEW_SCORES = st.lists(st.sampled_from([-1.5, -0.5, -0.0, 0.0, 0.25, 1.0, 3e38]), max_size=30)


@given(FEW_SCORES, st.integers(0, 35), st.randoms(use_true_random=False))
def test_the_best_are_those_of_the_highest_scores_and_of_equals_the_lower_rows(scores: list[float], k: int, random):
    rows = random.sample(range(1000), len(scores))
    expected = sorted(range(len(scores)), key=lambda place: (-scores[place], rows[place]))[:k]
    assert best(rows_of(rows), np.array(scores, dtype=np.float32), k).tolist() == expected


ROWS = st.lists(st.integers(0, 9), max_size=20)


@given(ROWS, st.integers(0, 12))
def test_what_comes_twice_is_left_out(rows: list[int], k: int):
    assert distinct(rows_of(rows), k).tolist() == list(dict.fromkeys(rows))[:k]


@given(ROWS, st.sets(st.integers(0, 9)), st.integers(0, 12))
def test_the_first_that_fit_are_taken(rows: list[int], fitting: set[int], k: int):
    mask = np.array([row in fitting for row in range(10)])
    assert first_of(rows_of(rows), mask, k).tolist() == [row for row in rows if row in fitting][:k]


@given(ROWS, ROWS)
def test_two_lists_take_turns(first: list[int], second: list[int]):
    ranks = [2 * place for place in range(len(first))] + [2 * place + 1 for place in range(len(second))]
    expected = [row for _, row in sorted(zip(ranks, first + second, strict=True), key=lambda entry: entry[0])]
    assert in_turn(rows_of(first), rows_of(second)).tolist() == expected
