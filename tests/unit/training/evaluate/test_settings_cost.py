"""What settings of a placement cost, on a small shop."""

from pathlib import Path

import numpy as np
import pytest

from features.progress import Silent
from recommender.errors import InvalidInput, InvalidPlacement
from tests.unit.training.small_shop import CONFIG, open_shop, orders
from training.evaluate.held_out import HeldOut
from training.evaluate.metrics import Relevant
from training.evaluate.settings_cost import AS_IT_IS, Cost, drawn, evaluate_settings


def evaluate(folder: Path, *changes: str, placement: str = "home", **more: int) -> dict[str, Cost]:
    (folder / "training.toml").write_text(CONFIG)
    settings = open_shop(folder, orders()).model_copy(update={"config_dir": folder})
    costs = evaluate_settings(settings, placement=placement, changes=changes, progress=Silent(), **more)
    return {cost.name: cost for cost in costs}


def test_each_change_stands_beside_the_placement_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    nothing, much = "max_share_popular = 1.0", "novelty = 1, calibration = 0.2"
    found = evaluate(tmp_path, nothing, much, shoppers=30, visits=2)
    assert list(found) == [AS_IT_IS, nothing, much]
    assert found[AS_IT_IS].lost.mean == found[nothing].lost.mean == 0
    assert found[much].lost.mean < 0
    assert found[much].quality.popularity_rank > found[AS_IT_IS].quality.popularity_rank
    shown = capsys.readouterr().out
    assert "home, 30 shoppers" in shown
    assert much in shown


def test_what_cannot_be_tried_is_refused_before_anything_is_learnt(tmp_path: Path):
    with pytest.raises(InvalidInput, match="no placement"):
        evaluate(tmp_path, placement="hall")


@pytest.mark.parametrize(
    ("change", "said"), [("novelty = ", "TOML"), ("novelty = 2", "novelty"), ("novel = 1", "novel")]
)
def test_a_change_that_means_nothing_is_refused(tmp_path: Path, change: str, said: str):
    with pytest.raises((InvalidInput, InvalidPlacement), match=said):
        evaluate(tmp_path, change)


def test_shoppers_that_are_drawn_keep_what_is_right_for_them():
    right = Relevant(np.array([0, 2, 2, 3, 6]), np.array([5, 6, 7, 1, 2, 3], dtype=np.int32))
    everybody = HeldOut(user_ids=("a", "b", "c", "d"), bought=right, new=right)  # type: ignore[arg-type]
    some = drawn(everybody, 2, seed=3)
    for place, user_id in enumerate(some.user_ids):
        assert some.bought.of(place).tolist() == right.of(everybody.user_ids.index(user_id)).tolist()
    assert drawn(everybody, 9, seed=3) is everybody
