"""What a placement may say, and what it is refused for."""

from importlib import resources
from typing import Any

import pytest

from recommender.errors import InvalidPlacement, InvalidRule
from recommender.placements import Pin, load_placements, parse_placement

HOME: dict[str, Any] = {"title": "For you", "sources": ["popular"]}


def test_the_placements_that_ship_can_be_read():
    text = resources.files("recommender").joinpath("config/placements.toml").read_text(encoding="utf-8")
    shipped = {"home", "product", "cart", "category", "post_purchase", "buy_again", "trending", "new"}
    assert shipped <= set(load_placements(text))


def test_settings_that_are_left_out_have_their_defaults():
    placement = parse_placement("home", HOME)
    assert (placement.limit, placement.max_limit, placement.ranker) == (12, 100, "any")
    assert placement.exclude == frozenset()
    assert placement.max_share_per_category == 1.0


def test_a_small_max_limit_lowers_the_default_limit():
    assert parse_placement("home", HOME | {"max_limit": 4}).limit == 4


def test_pins_and_boosts_are_read():
    pins = [{"slot": 2, "item_id": "i1"}]
    boosts = [{"when": "item.price < 500", "factor": 2}]
    placement = parse_placement("home", HOME | {"pins": pins, "boosts": boosts})
    assert placement.pins == (Pin(2, "i1"),)
    assert placement.boosts[0].factor == 2.0


@pytest.mark.parametrize(
    ("settings", "field", "said"),
    [
        ({"sources": ["poplar"]}, "sources[0]", "popular"),
        ({"sources": []}, "sources", "embedding"),
        ({"sources": "popular"}, "sources", "list"),
        ({"sources": ["popular", "popular"]}, "sources[1]", "once"),
        ({"title": ""}, "title", "text"),
        ({"title": 3}, "title", "text"),
        ({"source": ["popular"]}, "source", "Did you mean sources?"),
        ({"ranker": "fuse"}, "ranker", "fused"),
        ({"exclude": ["buyed"]}, "exclude[0]", "Use one of"),
        ({"max_share_per_category": 0}, "max_share_per_category", "above 0"),
        ({"max_share_per_category": 1.5}, "max_share_per_category", "at most 1"),
        ({"max_share_per_category": float("nan")}, "max_share_per_category", "above 0"),
        ({"max_share_per_category": True}, "max_share_per_category", "above 0"),
        ({"max_share_popular": 0}, "max_share_popular", "above 0"),
        ({"novelty": 1.1}, "novelty", "from 0 to 1"),
        ({"novelty": -0.1}, "novelty", "from 0 to 1"),
        ({"calibration": float("nan")}, "calibration", "from 0 to 1"),
        ({"calibration": "much"}, "calibration", "from 0 to 1"),
        ({"exploration": True}, "exploration", "from 0 to 1"),
        ({"rotation": 2}, "rotation", "from 0 to 1"),
        ({"limit": 0}, "limit", "from 1"),
        ({"limit": 10_000}, "limit", "to 1000"),
        ({"limit": 20, "max_limit": 10}, "limit", "raise max_limit"),
        ({"pins": [{"slot": 101, "item_id": "i1"}]}, "pins[0].slot", "to 100"),
        ({"pins": [{"slot": 1}]}, "pins[0].item_id", "text"),
        ({"pins": [{"slot": 1, "item_id": "a"}, {"slot": 1, "item_id": "b"}]}, "pins[1].slot", "one of them"),
        ({"pins": [{"slot": 1, "item_id": "a"}, {"slot": 2, "item_id": "a"}]}, "pins[1].item_id", "one of the pins"),
        ({"boosts": [{"factor": 2}]}, "boosts[0].when", "when it applies"),
        ({"boosts": [{"when": "item.price < 500", "factor": 0}]}, "boosts[0].factor", "above 0"),
        ({"boosts": [{"when": "item.price < 500", "factor": 10**400}]}, "boosts[0].factor", "at most 100"),
        ({"boosts": [{"when": "item.price < 500", "factor": float("nan")}]}, "boosts[0].factor", "at most 100"),
        ({"boosts": [2]}, "boosts[0]", "name"),
        ({"sources": ["buy_again", "popular"], "exclude": ["bought"]}, "sources", "exclude"),
        ({"filter": 'item.brand == "a" and item.brand == "b"'}, "filter", "Correct"),
        (
            {"filter": "item.price < 100", "boosts": [{"when": "item.price > 200", "factor": 2}]},
            "boosts[0].when",
            "Correct",
        ),
    ],
)
def test_what_cannot_mean_anything_is_refused_with_the_setting_and_the_remedy(
    settings: dict[str, Any], field: str, said: str
):
    with pytest.raises(InvalidPlacement) as refused:
        parse_placement("home", HOME | settings)
    assert refused.value.field == field
    assert said in refused.value.remedy


def test_a_rule_that_cannot_be_parsed_names_its_setting():
    with pytest.raises(InvalidRule) as refused:
        parse_placement("home", HOME | {"boosts": [{"when": "item.prize < 5", "factor": 2}]})
    assert refused.value.field == "boosts[0].when"


@pytest.mark.parametrize("placement_id", ["", "Home", "a b", "x" * 101, "../x"])
def test_an_id_that_cannot_stand_in_a_path_is_refused(placement_id: str):
    with pytest.raises(InvalidPlacement):
        parse_placement(placement_id, HOME)


def test_an_error_in_a_file_names_the_placement():
    with pytest.raises(InvalidPlacement) as refused:
        load_placements('[home]\ntitle = "For you"\nsources = ["none"]')
    assert refused.value.field == "home.sources[0]"


def test_a_file_that_is_not_toml_is_refused():
    with pytest.raises(InvalidPlacement, match="not TOML"):
        load_placements("[home")
