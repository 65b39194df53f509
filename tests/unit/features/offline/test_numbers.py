import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.offline.numbers import distinct, number_orders, numbers_of, without_gaps

TEXTS = pl.Series("id", ["b", "a", "c", "a"])


@pytest.mark.parametrize("ids", [TEXTS, TEXTS.cast(pl.Enum(["a", "b", "c"])), pl.Series([1, 0, 2, 0])])
def test_numbers_ascend_with_the_ids(ids):
    assert numbers_of(ids).tolist() == [1, 0, 2, 0]


def test_gaps_between_the_numbers_of_all_are_closed():
    one, other = np.array([7, 2, 7], dtype=np.uint32), np.array([4], dtype=np.uint32)
    place = without_gaps(one, other)
    assert (place[one].tolist(), place[other].tolist()) == ([2, 0, 2], [1])
    assert without_gaps(one[:0], other[:0])[one[:0]].tolist() == []


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1))
def test_orders_are_numbered_by_user_and_id_wherever_their_lines_lie(lines):
    users, ids = np.array(lines, dtype=np.uint32).T
    places = {order: place for place, order in enumerate(sorted(set(lines)))}
    assert number_orders(users.astype(np.int32), ids).tolist() == [places[line] for line in lines]


@given(st.lists(st.integers(0, 9)))
def test_each_number_is_left_once(numbers):
    assert distinct(np.array(numbers, dtype=np.int64)).tolist() == sorted(set(numbers))
