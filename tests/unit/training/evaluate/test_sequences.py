import numpy as np
import pytest

from training.evaluate.held_out import PastPurchases
from training.evaluate.linear import fit_linear_items, linear_items
from training.evaluate.sequences import latest_items, nearest_shoppers, orders_of, sequential_rules

N_ITEMS = 24


def past_of(lists: list[list[int]], n_asked: int) -> PastPurchases:
    """One order a day and item; the last of each list the day before the cut."""
    entries = [
        (shopper, row, 100.0 - len(rows) + place)
        for shopper, rows in enumerate(lists)
        for place, row in enumerate(rows)
    ]
    shopper, row, day = (np.array(column) for column in zip(*entries, strict=True))
    return PastPurchases(
        cut_day=100.0,
        n_shoppers=len(lists),
        n_asked=n_asked,
        n_items=N_ITEMS,
        shopper=shopper.astype(np.int32),
        row=row.astype(np.int32),
        day=day,
        for_sale=np.ones(N_ITEMS, dtype=np.bool_),
    )


def chains() -> list[list[int]]:
    """Everybody goes up the items, one after the other, from somewhere on."""
    return [[(start + step) % N_ITEMS for step in range(6)] for start in range(N_ITEMS)]


def test_what_follows_comes_first():
    past = past_of(chains(), n_asked=10)
    first = sequential_rules(past).new[:, 0]
    assert first.tolist() == [(start + 6) % N_ITEMS for start in range(10)]


def test_rules_count_a_step_fully_and_two_by_half():
    past = past_of([[0, 1, 2], [0, 1], [5, 2], [0]], n_asked=4)
    assert sequential_rules(past).new[3, :2].tolist() == [1, 2]


def test_shoppers_with_the_same_latest_items_vote():
    past = past_of([[1, 2], [1, 2, 3], [2, 4, 5, 6, 3], [7, 8, 9]], n_asked=1)
    assert nearest_shoppers(2)(past).new[0, 0] == 3


def test_nobody_is_their_own_neighbour():
    past = past_of([[1, 2, 3], [1, 2, 4]], n_asked=1)
    assert nearest_shoppers(1)(past).every[0, :3].tolist() == [4, 1, 2]


def test_orders_are_told_apart_by_shopper_and_moment():
    past = past_of([[1, 2], [2]], n_asked=2)
    orders, shopper = orders_of(past)
    assert orders.toarray().argmax(axis=1).tolist() == [1, 2, 2]
    assert shopper.tolist() == [0, 0, 1]
    latest = latest_items(past, orders, shopper).toarray()
    assert latest[0, 2] == 1.0
    assert latest[0, 1] == 0.5


def test_linear_items_are_those_of_the_formula():
    rng = np.random.default_rng(0)
    bought = (rng.random((30, 6)) < 0.4).astype(np.float32)
    weights = fit_linear_items((bought.T @ bought).copy(), 2.0)
    inverse = np.linalg.inv(bought.T @ bought + 2.0 * np.eye(6))
    expected = np.eye(6) - inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0.0)
    assert weights == pytest.approx(expected, abs=1e-4)


def test_linear_items_find_what_goes_together():
    past = past_of([[0, 1]] + [[0, 1, 2]] * 5 + [[5, 6, 7]] * 5, n_asked=1)
    assert linear_items(1.0)(past).new[0, 0] == 2
