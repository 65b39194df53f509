import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluate.metrics import (
    Relevant,
    coverage,
    difference,
    hit_rate,
    hits,
    mean_popularity_rank,
    ndcg,
    quality,
    recall,
)

N_ITEMS = 12
K = 4

row_lists = st.lists(st.integers(0, N_ITEMS - 1), unique=True, max_size=K)
row_sets = st.lists(st.integers(0, N_ITEMS - 1), unique=True, max_size=N_ITEMS)
cases = st.lists(st.tuples(row_lists, row_sets), min_size=1, max_size=6)


def as_lists(rows):
    return np.array([shown + [-1] * (K - len(shown)) for shown in rows], dtype=np.int32).reshape(len(rows), K)


def as_relevant(sets):
    offsets = np.cumsum([0] + [len(rows) for rows in sets])
    return Relevant(
        offsets=offsets.astype(np.int64), rows=np.array([row for rows in sets for row in rows], dtype=np.int32)
    )


def brute_ndcg(shown, right, k):
    if not right:
        return math.nan
    gained = sum(1 / math.log2(place + 2) for place, row in enumerate(shown[:k]) if row in right)
    return gained / sum(1 / math.log2(place + 2) for place in range(min(k, len(right))))


@settings(deadline=None)
@given(cases, st.integers(1, K))
def test_metrics_equal_their_definition_shopper_by_shopper(case, k):
    shown, right = [pair[0] for pair in case], [pair[1] for pair in case]
    relevant = as_relevant(right)
    hit = hits(as_lists(shown), relevant)
    found = [len(set(rows[:k]) & set(wanted)) for rows, wanted in zip(shown, right, strict=True)]
    shares = [n / len(wanted) if wanted else math.nan for n, wanted in zip(found, right, strict=True)]
    np.testing.assert_allclose(recall(hit, relevant, k), shares)
    any_found = [float(n > 0) if wanted else math.nan for n, wanted in zip(found, right, strict=True)]
    np.testing.assert_allclose(hit_rate(hit, relevant, k), any_found)
    gains = [brute_ndcg(rows, wanted, k) for rows, wanted in zip(shown, right, strict=True)]
    np.testing.assert_allclose(ndcg(hit, relevant, k), gains)


@settings(deadline=None)
@given(cases)
def test_metrics_stay_between_nothing_and_everything(case):
    relevant = as_relevant([pair[1] for pair in case])
    hit = hits(as_lists([pair[0] for pair in case]), relevant)
    for metric in (ndcg, recall, hit_rate):
        values = metric(hit, relevant, K)
        asked = relevant.sizes > 0
        assert ((values[asked] >= 0) & (values[asked] <= 1 + 1e-12)).all()
        assert np.isnan(values[~asked]).all()


@settings(deadline=None)
@given(row_sets.filter(bool))
def test_the_ideal_list_has_an_ndcg_of_one(right):
    relevant = as_relevant([right])
    hit = hits(as_lists([right[:K]]), relevant)
    assert ndcg(hit, relevant, K)[0] == pytest.approx(1)


def test_recall_divides_by_everything_that_was_bought():
    relevant = as_relevant([list(range(10))])
    assert recall(hits(as_lists([[0, 1, 2, 3]]), relevant), relevant, 4)[0] == pytest.approx(0.4)


def test_padding_is_never_a_hit():
    relevant = as_relevant([[0], [0]])
    assert not hits(as_lists([[], []]), relevant).any()


def test_coverage_counts_distinct_items_of_all_lists():
    assert coverage(as_lists([[0, 1], [1, 2]]), n_assortment=12, k=2) == pytest.approx(3 / 12)


def test_popularity_rank_starts_at_one():
    buyers = np.array([5.0, 9.0, 1.0])
    assert mean_popularity_rank(as_lists([[1, 0]]), buyers, k=2) == pytest.approx(1.5)


def test_shoppers_without_right_items_do_not_count():
    measured = quality(as_lists([[0], [1]]), as_relevant([[0], []]), popularity=np.ones(N_ITEMS), n_assortment=N_ITEMS)
    assert measured.means()["recall@10"] == pytest.approx(1)


def test_the_interval_holds_the_mean_and_vanishes_when_all_agree():
    rng = np.random.default_rng(3)
    better = np.append(rng.random(200), np.nan)
    interval = difference(better, better - 0.1, rng)
    assert interval.low == pytest.approx(0.1)
    assert interval.mean == pytest.approx(0.1)
    assert interval.high == pytest.approx(0.1)
    noisy = difference(better, rng.random(201), rng)
    assert noisy.low < noisy.mean < noisy.high


def test_a_difference_is_of_shoppers_with_something_right_on_both_sides():
    ours, theirs = np.array([0.5, np.nan, 0.7, 0.9]), np.array([0.4, 0.2, np.nan, 0.8])
    assert difference(ours, theirs, np.random.default_rng(3)).mean == pytest.approx(0.1)
    assert difference(theirs, ours, np.random.default_rng(3)).mean == pytest.approx(-0.1)
