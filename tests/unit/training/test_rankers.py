import numpy as np
import pytest

from features.progress import Silent
from tests.unit.training.small_shop import START_DAY, open_shop, orders, small_config
from training.past import look_back
from training.rankers import train_rankers
from training.read import read_placements, read_training_data

WINDOW_DAYS = 28.0
LATER_CUT = START_DAY + 100


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """Teaches rankers on one window, and on it with the one before."""
    settings = open_shop(tmp_path_factory.mktemp("rankers"), orders())
    data, placements = read_training_data(settings, None), read_placements(settings)
    pasts = [look_back(data, cut, WINDOW_DAYS, small_config()) for cut in (LATER_CUT - WINDOW_DAYS, LATER_CUT)]

    def teach(n_windows, any_windows="1"):
        config = small_config(any_windows=any_windows, leaves="3")
        return train_rankers(pasts[-n_windows:], placements, config, Silent())

    return teach


def test_the_ranker_of_new_items_learns_from_all_windows_and_any_from_the_latest(taught):
    one, two = taught(1), taught(2)
    assert two.shoppers["discovery"] > one.shoppers["discovery"]
    assert two.shoppers["any"] == one.shoppers["any"]
    np.testing.assert_array_equal(two.trees["any"].threshold, one.trees["any"].threshold)
    np.testing.assert_array_equal(two.trees["any"].value, one.trees["any"].value)


def test_any_learns_from_as_many_windows_as_are_set(taught):
    assert taught(2, any_windows="2").shoppers["any"] > taught(2).shoppers["any"]
    assert taught(1, any_windows="12").shoppers == taught(1).shoppers
