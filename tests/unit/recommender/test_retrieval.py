"""The parts that sources are made of: folding in, adding up neighbours."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.ids import PlacementId
from recommender.model import FoldIn
from recommender.placements import Placement
from recommender.query import Query
from recommender.retrieval.fold_in import MOST_ITEMS, fold_in, known_weights
from recommender.retrieval.item_to_item import PROPOSED, like_the_item_in_view
from recommender.retrieval.selection import best, best_rows, distinct, first_of, in_turn
from recommender.retrieval.tally import Tally
from recommender.shopper import STRANGER
from recommender.situation import LATEST_PURCHASES, Situation
from tests.builders import NOW_DAY, rows_of, shopper_with, small_catalogue, small_model, some_neighbours

N_ITEMS = 60
HOME = Placement(placement_id=PlacementId("home"), title="For you", sources=("popular",))
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
    found = Tally(neighbours, rows_of(seeds), weights)
    scores, again = np.empty(N_ITEMS, dtype=np.float32), np.empty(N_ITEMS, dtype=np.float32)
    found.write_scores(scores, np.arange(N_ITEMS, dtype=np.int32))
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    best, because = found.best(5)
    np.testing.assert_allclose(expected[best], np.sort(expected)[::-1][: len(best)], atol=1e-5)
    assert len(best) == min(5, np.count_nonzero(expected))
    assert set(because.tolist()) <= set(seeds)
    found.write_scores(again, np.arange(N_ITEMS, dtype=np.int32))  # all are added up by now
    np.testing.assert_array_equal(again, scores)


@given(st.dictionaries(st.integers(0, N_ITEMS - 1), st.lists(st.integers(1, 9), min_size=1, max_size=2), max_size=30))
def test_the_latest_purchases_are_followed_the_more_the_fewer_orders_came_since(bought: dict[int, list[int]]):
    model, query = small_model(np.random.default_rng(0), N_ITEMS), Query(placement=HOME.placement_id, limit=5)
    shopper = shopper_with({row: [float(day) for day in ago] for row, ago in bought.items()})
    latest = sorted(bought, key=lambda row: (min(bought[row]), row))[:LATEST_PURCHASES]
    days = sorted({min(bought[row]) for row in latest})
    found = Situation(query, HOME, shopper, small_catalogue(N_ITEMS), model, NOW_DAY).after_latest
    assert found.seeds.tolist() == latest
    np.testing.assert_allclose(found.weights, [1 / (1 + days.index(min(bought[row]))) for row in latest])


@given(st.integers(0, N_ITEMS - 1), st.integers(0, 3))
def test_what_is_like_an_item_is_its_neighbours_then_best_sellers_of_its_category_those_of_its_type_first(
    item: int, seed: int
):
    model, catalogue = small_model(np.random.default_rng(seed), N_ITEMS), small_catalogue(N_ITEMS)
    query = Query(placement=HOME.placement_id, limit=5, context_item=item)
    near, _ = model.neighbours.of(item)
    best_sellers = model.popularity.by_category.get(catalogue.text["category"].word(item) or "", rows_of([])).tolist()
    type_of = catalogue.text["type"].word
    alike = [row for row in best_sellers if type_of(item) is not None and type_of(row) == type_of(item)]
    expected = list(dict.fromkeys([*near.tolist(), *alike, *best_sellers]))
    found = like_the_item_in_view(Situation(query, HOME, STRANGER, catalogue, model, NOW_DAY))
    assert found.rows.tolist() == expected[:PROPOSED]
    assert set(found.because.tolist()) <= {item}


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
    theirs = np.array(scores, dtype=np.float32)
    assert best(rows_of(rows), theirs, k).tolist() == expected
    found, found_scores = best_rows(rows_of(rows), theirs, k)
    assert found.tolist() == [rows[place] for place in expected]
    assert found_scores.tolist() == theirs[expected].tolist()


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
