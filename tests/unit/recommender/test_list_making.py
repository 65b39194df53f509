"""Fusing, diversifying and filling slots."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.diversify import Cap, diversify
from recommender.fusion import fuse
from recommender.slots import NO_FILLERS, fill_slots
from tests.builders import rows_of

RANKS = st.lists(st.sampled_from([0.0, 1.0, 0.5, 0.25]), min_size=4, max_size=4)


@given(st.lists(RANKS, min_size=1, max_size=3), RANKS)
def test_one_more_source_never_lowers_a_score(sources: list[list[float]], more: list[float]):
    few, all_of_them = np.array(sources, dtype=np.float32), np.array([*sources, more], dtype=np.float32)
    assert (fuse(all_of_them) >= fuse(few)).all()


def test_a_candidate_of_no_source_scores_nothing():
    np.testing.assert_allclose(fuse(np.array([[1.0, 0.0], [0.5, 0.0]], np.float32)), [1 / 61 + 1 / 62, 0], rtol=1e-6)


def test_a_damping_of_nothing_is_refused():
    with pytest.raises(ValueError, match="damping"):
        fuse(np.ones((1, 1), np.float32), damping=0.0)


NO_PLACES = np.empty(0, dtype=np.intp)
KINDS = st.lists(st.tuples(st.integers(0, 9), st.integers(-1, 3)), max_size=25)


@given(KINDS, st.integers(0, 12), st.integers(1, 6))
def test_no_group_comes_twice_and_the_cap_yields_only_before_the_list_gets_short(
    kinds: list[tuple[int, int]], limit: int, cap: int
):
    groups, categories = rows_of([group for group, _ in kinds]), rows_of([category for _, category in kinds])
    order = np.arange(len(kinds))
    chosen = diversify(order, groups, limit, NO_PLACES, Cap(categories, cap)).tolist()
    assert len(chosen) == min(limit, len(set(groups.tolist())))
    assert len({int(groups[position]) for position in chosen}) == len(chosen)
    assert chosen == sorted(chosen)
    per_category = Counter(int(categories[position]) for position in chosen if categories[position] >= 0)
    over = [category for category, count in per_category.items() if count > cap]
    if over:  # then nothing else was left
        used = {int(groups[position]) for position in chosen}
        others = [p for p in order if groups[p] not in used and per_category[int(categories[p])] < cap]
        assert not others


def test_what_is_pinned_uses_up_its_group_and_counts_for_its_category():
    groups, categories = rows_of([0, 0, 1, 2, 3]), rows_of([7, 7, 7, 8, 8])
    chosen = diversify(np.arange(5), groups, 2, np.array([0]), Cap(categories, 1))
    assert chosen.tolist() == [2, 3]  # 2 only because the list would be short, in its place


def test_the_best_candidates_come_first_in_the_order_given():
    groups, categories = rows_of([0, 1, 2]), rows_of([-1, -1, -1])
    assert diversify(np.array([2, 0, 1]), groups, 2, NO_PLACES, Cap(categories, 1)).tolist() == [2, 0]


def test_pins_take_their_slots_and_the_others_move_on():
    assert fill_slots(rows_of([5, 6, 7]), NO_FILLERS, {1: 90, 3: 91}, 5).tolist() == [90, 5, 91, 6, 7]


def test_a_pin_beyond_a_short_list_comes_last():
    assert fill_slots(rows_of([5]), NO_FILLERS, {4: 90}, 5).tolist() == [5, 90]
