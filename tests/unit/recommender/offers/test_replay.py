"""A logged choice is made again from its record alone, and a record that was touched is found out."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import InvalidInput
from recommender.offers.choose import Policy, choose_several
from recommender.offers.replay import replay
from tests.unit.recommender.offers.test_choose import policies, seeds, worths


def record_of(worth: dict[str, float], policy: Policy, seed: str, limit: int) -> dict[str, Any]:
    draws = choose_several(worth, policy, seed, limit)
    return {
        "seed": seed,
        "policy": {"policy_id": "p", "version": "1", "temperature": policy.temperature, "epsilon": policy.epsilon},
        "draws": [{"arm": one.arm, "worth": one.worth, "propensities": one.propensities} for one in draws],
    }


@given(worths, policies, seeds, st.integers(1, 3))
def test_what_was_drawn_is_drawn_again(worth, policy, seed, limit) -> None:
    record = json.loads(json.dumps(record_of(worth, policy, seed, limit)))
    assert all(draw.is_same for draw in replay(record))


@given(worths.filter(bool), policies, seeds)
def test_another_arm_or_another_chance_is_seen(worth, policy, seed) -> None:
    record = record_of(worth, policy, seed, 1)
    [draw] = record["draws"]
    other = next(arm for arm in draw["propensities"] if arm != draw["arm"])
    assert not replay(record | {"draws": [draw | {"arm": other}]})[0].is_same
    wrong = {arm: chance / 2 for arm, chance in draw["propensities"].items()}
    assert not replay(record | {"draws": [draw | {"propensities": wrong}]})[0].is_same


def test_no_record_is_no_record() -> None:
    with pytest.raises(InvalidInput, match="draws"):
        replay({"seed": "s", "policy": {"policy_id": "p", "temperature": 1, "epsilon": 1}})
