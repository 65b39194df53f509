"""Importing the catalogue and the stores from files."""

import csv
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import Engine

from features.progress import Silent
from features.settings import Settings
from features.sql.catalogue_store import CatalogueStore
from features.sql.engine import open_engine
from features.sql.importer import import_catalogue, import_stores
from features.sql.place_import import import_places
from features.sql.place_rows import BEACONS, STORES, ZONES
from features.sql.place_store import PlaceStore
from recommender.errors import InvalidInput

ROWS = [
    {
        "item_id": "a",
        "title": "Tea",
        "currency": "USD",
        "price": "1.99",
        "stock": "3",
        "hidden": "true",
        "min_age": "0",
        "margin": "0.35",
    },
    {
        "item_id": "b",
        "title": "Bread",
        "currency": "JPY",
        "price": "250",
        "stock": "",
        "hidden": "",
        "min_age": "18",
        "margin": "",
    },
    {
        "item_id": "c",
        "title": "Salt",
        "currency": "KWD",
        "price": "0.5",
        "stock": "0",
        "hidden": "no",
        "min_age": "",
        "margin": "-0.1",
    },
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


def engine_of(settings: Settings) -> Engine:
    return open_engine(settings)


def write(file: Path, rows: list[dict[str, str]]) -> Path:
    frame = pl.DataFrame(rows)
    if file.suffix == ".csv":
        frame.write_csv(file)
    elif file.suffix == ".parquet":
        frame.write_parquet(file)
    else:
        file.write_text("\n".join(json.dumps(row) for row in rows))
    return file


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_file_comes_in_once(settings: Settings, tmp_path: Path, kind: str) -> None:
    file = write(tmp_path / f"catalogue.{kind}", ROWS)
    first = import_catalogue(settings, file, Silent())
    assert (first.accepted, first.duplicates, first.rejected, first.rejected_file) == (3, 0, 0, None)
    items = {item.item_id: item for item in CatalogueStore(engine_of(settings)).read_all()}
    assert {name: item.price for name, item in items.items()} == {"a": 199, "b": 250, "c": 500}
    assert [(item.stock, item.hidden, item.min_age, item.margin) for item in items.values()] == [
        (3, True, 0, 0.35),
        (None, False, 18, None),
        (0, False, 0, -0.1),
    ]
    again = import_catalogue(settings, file, Silent())
    assert (again.accepted, again.duplicates, again.rejected) == (0, 3, 0)


WRONG = {
    "item_id": ("", "item_id: missing"),
    "title": ("x" * 501, "title: longer than 500 characters"),
    "currency": ("usd", "currency: not an ISO 4217 code"),
    "price": ("1.999", "price: not an amount of its currency, such as 1.99"),
    "stock": ("-1", "stock: not a whole number of 0 or more"),
    "margin": ("35", "margin: not a share of the price from -1 to 1, such as 0.35"),
    "hidden": ("perhaps", "hidden: not true or false"),
    "min_age": ("151", "min_age: above 150"),
}


def test_each_row_that_does_not_fit_is_set_aside_with_the_reason(settings: Settings, tmp_path: Path) -> None:
    rows = [{**ROWS[0], "item_id": f"w{n}", column: value} for n, (column, (value, _)) in enumerate(WRONG.items())]
    file = write(tmp_path / "catalogue.csv", [*ROWS, *rows, ROWS[0]])
    report = import_catalogue(settings, file, Silent())
    assert (report.accepted, report.rejected) == (3, len(WRONG) + 1)
    assert report.rejected_file == tmp_path / "catalogue.csv.rejected.csv"
    rejected = pl.read_csv(report.rejected_file, infer_schema=False)
    assert rejected["reason"].to_list() == [*(why for _, why in WRONG.values()), "item_id: an earlier row has the same"]
    assert rejected["row"].to_list() == [str(n) for n in range(4, 4 + len(rejected))]
    file = write(file, ROWS)
    assert import_catalogue(settings, file, Silent()).rejected_file is None
    assert not report.rejected_file.exists()


def test_a_line_that_is_no_json_is_a_rejected_row(settings: Settings, tmp_path: Path) -> None:
    file = write(tmp_path / "catalogue.jsonl", ROWS)
    file.write_text(file.read_text() + '\n{"item_id": \n\n[]')
    report = import_catalogue(settings, file, Silent())
    assert (report.accepted, report.rejected) == (3, 2)


@pytest.mark.parametrize(
    ("name", "content", "field"),
    [
        ("none.csv", None, "FILE"),
        ("broken.parquet", b"PAR1 and no more", "FILE"),
        ("list.xlsx", b"", "FILE"),
        ("empty.csv", b"", "FILE"),
        ("unknown.csv", b"item_id,title,currency,colour\na,A,EUR,red\n", "colour"),
        ("lacking.csv", b"item_id,title\na,A\n", "currency"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_whole(
    settings: Settings, tmp_path: Path, name: str, content: bytes | None, field: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        import_catalogue(settings, tmp_path / name, Silent())
    assert caught.value.field == field
    assert name in str(caught.value)
    assert caught.value.remedy


STORE = {"store_id": "1", "name": "One", "timezone": "Europe/Berlin", "market": "de"}
UUID = "5f0c3a1e-9b7d-4c62-a8e1-f00d2b6c9d13"
ZONE = {"store_id": "1", "kind": "aisle", "name": "Zone"}
PLACE_ROWS = [
    {**ZONE, "zone_id": "milk", "categories": [{"category": "MILK", "weight": 2}], "neighbours": ["wine"],
     "beacon_id": "b1", "uuid": UUID, "major": 1, "minor": 1},
    {**ZONE, "zone_id": "wine"},
    {"beacon_id": "b2", "zone_id": "wine", "namespace": "edd1ebeac04e5defa017", "instance": "0bdb87539b67",
     "since": "2026-05-31T12:00:00+02:00"},
    {**ZONE, "zone_id": "far", "neighbours": ["farther"]},
    {**ZONE, "zone_id": "farther", "neighbours": ["nowhere"]},
    {**ZONE, "zone_id": "lost", "store_id": "2"},
    {**ZONE, "zone_id": "odd", "kind": "roof"},
    {**ZONE, "zone_id": "light", "categories": [{"category": "AIR", "weight": 0}]},
    {"beacon_id": "b3", "zone_id": "lost", "uuid": UUID, "major": 1, "minor": 3},
    {"beacon_id": "b4", "zone_id": "wine", "uuid": UUID.upper(), "major": 1, "minor": 1},
]  # fmt: skip


def test_stores_come_in_once(settings: Settings, tmp_path: Path) -> None:
    store = {"store_id": "1", "name": "One", "timezone": "Europe/Berlin", "market": "de"}
    file = write(tmp_path / "stores.csv", [store, {**store, "store_id": "2", "timezone": "Mars"}, store])
    report = import_stores(settings, file, Silent())
    assert (report.accepted, report.rejected) == (1, 2)
    assert [one.name for one in PlaceStore(engine_of(settings)).read_all(STORES)] == ["One"]
    assert import_stores(settings, file, Silent()).duplicates == 1


def test_a_store_keeps_what_a_file_does_not_say(settings: Settings, tmp_path: Path) -> None:
    store = {"store_id": "1", "name": "One", "timezone": "UTC", "market": "de"}
    rows = [
        {**store, "latitude": "52.5", "longitude": "13.4"},
        {**store, "store_id": "2", "latitude": "91", "longitude": "0"},
        {**store, "store_id": "3", "latitude": "1", "longitude": ""},
    ]
    report = import_stores(settings, write(tmp_path / "stores.csv", rows), Silent())
    assert (report.accepted, report.rejected) == (1, 2)
    places = PlaceStore(engine_of(settings))
    places.put_stores([replace(one, opening_hours={"mon": []}) for one in places.read_all(STORES)])
    import_stores(settings, write(tmp_path / "stores.csv", [{**store, "name": "Eins"}]), Silent())
    [one] = places.read_all(STORES)
    assert (one.name, one.latitude, one.longitude, one.opening_hours) == ("Eins", 52.5, 13.4, {"mon": []})


def test_zones_and_beacons_come_in_and_the_rest_is_set_aside(settings: Settings, tmp_path: Path) -> None:
    places = PlaceStore(engine_of(settings))
    import_stores(settings, write(tmp_path / "stores.csv", [STORE]), Silent())
    file = tmp_path / "places.jsonl"
    file.write_text("\n".join(map(json.dumps, PLACE_ROWS)))
    report = import_places(settings, file, Silent())
    assert {zone.zone_id for zone in places.read_all(ZONES)} == {"milk", "wine"}
    assert {beacon.beacon_id: beacon.last_zone for beacon in places.read_all(BEACONS)} == {"b1": "milk", "b2": "wine"}
    assert places.get(ZONES, "milk").category_weights(datetime(2026, 1, 1, tzinfo=UTC)) == {"MILK": 2.0}
    assert (report.accepted, report.rejected) == (4, 7)
    assert report.rejected_file is not None
    reasons = [row["reason"].split(":")[0] for row in csv.DictReader(report.rejected_file.read_text().splitlines())]
    assert reasons == ["neighbours", "neighbours", "store_id", "kind", "categories", "zone_id", "beacon_id"]
    assert import_places(settings, file, Silent()).accepted == 0
