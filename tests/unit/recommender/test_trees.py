"""The trees give what LightGBM gives."""

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.ranking.trees import Trees, trees_from_lightgbm


def fit(rng: np.random.Generator, leaves: int, trees: int) -> tuple[lgb.Booster, np.ndarray]:
    features = rng.normal(size=(800, 7)).astype(np.float32).round(1)  # rounded: many values lie on a threshold
    target = features[:, 0] + features[:, 1] * features[:, 2] + rng.normal(size=800) / 5
    parameters = {"objective": "regression", "num_leaves": leaves, "verbose": -1, "num_threads": 1, "min_data": 2}
    return lgb.train(parameters, lgb.Dataset(features, target), trees), features


@pytest.mark.parametrize("leaves", [2, 15, 32])
def test_scores_equal_those_of_lightgbm(leaves: int):
    booster, features = fit(np.random.default_rng(leaves), leaves, trees=30)
    trees = trees_from_lightgbm(booster.dump_model())
    expected = np.asarray(booster.predict(features, raw_score=True))
    np.testing.assert_allclose(trees.score(features), expected, atol=1e-5)


@given(st.floats(allow_nan=False, width=64), st.floats(allow_nan=False, allow_infinity=False, width=32))
@settings(max_examples=200)
def test_a_value_goes_left_exactly_when_it_is_not_above_the_threshold(threshold: float, value: float):
    trees = trees_from_lightgbm({"tree_info": [{"tree_structure": split(0, threshold, leaf(1.0), leaf(2.0))}]})
    score = trees.score(np.array([[value]], dtype=np.float32))[0]
    assert score == (1.0 if value <= threshold else 2.0)


def test_a_tree_that_is_one_leaf_adds_its_value_to_all():
    trees = trees_from_lightgbm({"tree_info": [{"tree_structure": leaf(0.5)}, {"tree_structure": leaf(0.25)}]})
    np.testing.assert_array_equal(trees.score(np.zeros((3, 2), dtype=np.float32)), [0.75, 0.75, 0.75])


def test_no_candidates_have_no_scores():
    trees = trees_from_lightgbm({"tree_info": [{"tree_structure": leaf(0.5)}]})
    assert len(trees.score(np.zeros((0, 2), dtype=np.float32))) == 0


def test_read_only_arrays_fit_as_an_artifact_maps_them():
    trees = trees_from_lightgbm({"tree_info": [{"tree_structure": split(0, 0.0, leaf(1.0), leaf(2.0))}]})
    arrays = [getattr(trees, name).copy() for name in ("nodes", "feature", "threshold", "reach", "value")]
    for array in arrays:
        array.flags.writeable = False
    assert Trees(*arrays).score(np.ones((1, 1), dtype=np.float32))[0] == 2.0


@pytest.mark.parametrize("change", [{"decision_type": "=="}, {"missing_type": "Zero"}])
def test_splits_that_cannot_be_evaluated_are_refused(change: dict[str, str]):
    with pytest.raises(ValueError, match="cannot evaluate"):
        trees_from_lightgbm({"tree_info": [{"tree_structure": split(0, 0.0, leaf(1.0), leaf(2.0)) | change}]})


def test_a_tree_with_too_many_leaves_is_refused():
    tree = leaf(0.0)
    for value in range(32):
        tree = split(0, float(value), tree, leaf(1.0))
    with pytest.raises(ValueError, match="33 leaves"):
        trees_from_lightgbm({"tree_info": [{"tree_structure": tree}]})


def leaf(value: float) -> dict[str, object]:
    return {"leaf_value": value}


def split(feature: int, threshold: float, left: dict[str, object], right: dict[str, object]) -> dict[str, object]:
    return {
        "split_feature": feature, "threshold": threshold, "decision_type": "<=", "missing_type": "None",
        "left_child": left, "right_child": right,
    }  # fmt: skip
