"""The data map has every place: a new table is in it, or said to name nobody, or this fails."""

from pathlib import Path

from features.privacy.data_map import IMPERSONAL, PLACES
from features.sql import tables
from features.sql.tables.base import metadata

PAGE = (Path(__file__).parents[3] / "docs/privacy.md").read_text()


def test_every_table_is_known_to_hold_people_or_not():
    assert tables.__all__
    mapped = {name.removeprefix("table ") for name in PLACES if name.startswith("table ")}
    unknown = set(metadata.tables) - mapped - IMPERSONAL
    assert not unknown, f"say in features/privacy/data_map.py whether these name people, and erase them: {unknown}"
    assert mapped <= set(metadata.tables)


def test_the_page_says_of_each_place_what_the_code_says():
    for name, place in PLACES.items():
        assert f"| {name} | {place.holds} | {place.purpose} | {place.kept} | {place.erased} |" in PAGE
