"""places.toml: what ships holds, and what does not fit is named."""

from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from features.place_rules import read_presence_rules
from features.settings import Settings
from recommender.errors import InvalidInput

SHIPPED = files("recommender.config").joinpath("places.toml").read_text()


def read(folder: Path, before: str, after: str):
    assert before in SHIPPED
    (folder / "places.toml").write_text(SHIPPED.replace(before, after))
    return read_presence_rules(Settings(config_dir=folder))


def test_a_file_of_ones_own_counts(tmp_path: Path) -> None:
    assert read_presence_rules(Settings()) == read_presence_rules(Settings(config_dir=tmp_path))
    assert read(tmp_path, 'dwell = "PT5S"', 'dwell = "PT20S"').dwell == timedelta(seconds=20)


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ('dwell = "PT5S"', 'dwell = "PT3M"', "places.toml"),
        ('fresh = "PT2M"', 'fresh = "PT3M"', "places.toml"),
        ('ahead = "PT30S"', 'ahead = "PT1H"', "places.toml"),
        ("margin = 3.0", "", "places.toml.walk"),
        ("margin = 3.0", "margin = -1.0", "places.toml.walk.margin"),
        ("margin = 3.0", "margins = 3.0", "places.toml.walk"),
        ("leave = -95.0", "leave = -80.0", "places.toml.walk"),
        ("km_per_hour = 200.0", "km_per_hour = 0.0", "places.toml.journeys.km_per_hour"),
        ("step_ms = 2_000", "step_ms = ", "places.toml"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, before: str, after: str, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(tmp_path, before, after)
    assert refused.value.field == field
    assert "docs/places.md" in refused.value.remedy
