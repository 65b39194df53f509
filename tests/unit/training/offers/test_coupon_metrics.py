import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from training.offers.metrics import Ranked, resampled
from training.offers.report import tenths, wilson

PAIRS = st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 3)), min_size=2, max_size=40)


def counted(pairs: list[tuple[int, bool, int]]) -> tuple[Ranked, list[int], list[int]]:
    hits = [score for score, redeemed, _ in pairs if redeemed]
    others = [score for score, redeemed, _ in pairs if not redeemed]
    assume(hits and others)
    scores, labels = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
    return Ranked(scores.astype(np.float32), labels), hits, others


@given(PAIRS)
def test_auc_is_the_chance_that_a_redeemed_pair_has_the_higher_score(pairs: list[tuple[int, bool, int]]) -> None:
    ranked, hits, others = counted(pairs)
    wins = sum((hit > other) + (hit == other) / 2 for hit in hits for other in others)
    assert ranked.auc() == pytest.approx(wins / len(hits) / len(others))


@given(PAIRS)
def test_average_precision_is_the_precision_at_the_score_of_each_hit(pairs: list[tuple[int, bool, int]]) -> None:
    ranked, hits, others = counted(pairs)
    precisions = [
        sum(one >= hit for one in hits) / (sum(one >= hit for one in hits) + sum(one >= hit for one in others))
        for hit in hits
    ]
    assert ranked.average_precision() == pytest.approx(np.mean(precisions))


@given(PAIRS)
def test_a_weight_counts_like_so_many_copies(pairs: list[tuple[int, bool, int]]) -> None:
    ranked, _, _ = counted(pairs)
    copies = [pair for pair in pairs for _ in range(pair[2])]
    assume({redeemed for _, redeemed, _ in copies} == {True, False})
    weights = np.array([pair[2] for pair in pairs], dtype=np.float64)
    repeated = counted(copies)[0]
    assert ranked.auc(weights) == pytest.approx(repeated.auc())
    assert ranked.average_precision(weights) == pytest.approx(repeated.average_precision())


def test_of_equal_scores_the_top_holds_its_share() -> None:
    ranked = Ranked(np.zeros(50, dtype=np.float32), np.arange(50) < 10)
    assert (ranked.auc(), ranked.recall_at(0.1), ranked.precision_at(0.1)) == (
        0.5,
        pytest.approx(0.1),
        pytest.approx(0.2),
    )


def test_shoppers_are_drawn_with_all_their_pairs() -> None:
    """Two shoppers, one of whom is always right and one always wrong: a sample of either alone has 1 or 0."""
    ranked = Ranked(np.array([2, 1, 1, 2], dtype=np.float32), np.array([True, False, True, False]))
    auc, _ = resampled(ranked, np.array([7, 7, 9, 9]), 50, np.random.default_rng(0))
    assert (auc.low, auc.value, auc.high) == (0.0, 0.5, 1.0)


def test_tenths_hold_every_pair_once_and_their_lift_averages_one() -> None:
    rng = np.random.default_rng(1)
    predicted = rng.random(997).astype(np.float32)
    found = tenths(predicted, rng.random(997) < predicted)
    assert sum(one.pairs for one in found) == 997
    assert np.average([one.lift for one in found], weights=[one.pairs for one in found]) == pytest.approx(1.0)
    assert [one.predicted for one in found] == sorted((one.predicted for one in found), reverse=True)
    assert all(one.low <= one.redeemed <= one.high for one in found)
    assert wilson(0, 10)[0] == 0.0
