"""Stores, zones and beacons in SQL, on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from features.sql.changes import read_changes, read_standing
from features.sql.place_rows import BEACONS, STORES, ZONES
from features.sql.place_store import Placed, PlaceStore
from recommender.errors import Conflict, InvalidInput, UnknownPlace
from recommender.ids import BeaconId, StoreId, ZoneId
from recommender.places.zone import CategoryWeight, Zone
from tests.places import BERLIN, NOW, beacons_of, key_of, zone_id, zones_of

MILK, WINE = zone_id(BERLIN, "milk"), zone_id(BERLIN, "wine")
ID = BeaconId("b1")


@pytest.fixture
def store(engine: Engine) -> PlaceStore:
    store = PlaceStore(engine)
    store.put_stores([replace(BERLIN, opening_hours={"mon": [["08:00", "20:00"]]})])
    store.put_zones(zones_of(BERLIN))
    return store


def placed(name: str = "milk", zone: ZoneId | None = MILK, days: float | None = None, beacon: str = ID) -> Placed:
    since = None if days is None else NOW + timedelta(days=days)
    return Placed(BeaconId(beacon), key_of(name), zone, since)


def test_what_was_stated_comes_back_and_is_told_to_every_worker(engine: Engine, store: PlaceStore) -> None:
    store.put_beacons([Placed(one.beacon_id, one.key, one.last_zone) for one in beacons_of(BERLIN)], NOW)
    zones = {zone.zone_id: zone for zone in zones_of(BERLIN)}
    beacons = {beacon.beacon_id: beacon for beacon in beacons_of(BERLIN)}
    assert {zone.zone_id: zone for zone in store.read_all(ZONES, store_id=BERLIN.store_id)} == zones
    assert {beacon.beacon_id: beacon for beacon in store.read_all(BEACONS, store_id=BERLIN.store_id)} == beacons
    assert store.read_all(ZONES, store_id="nowhere") == store.read_all(BEACONS, store_id="nowhere") == []
    told = read_standing(engine).places
    assert (told.zones, told.beacons) == (zones, beacons)
    assert [shop.opening_hours for shop in told.stores.values() if shop] == [{"mon": [["08:00", "20:00"]]}]


def test_saying_it_again_writes_nothing(engine: Engine, store: PlaceStore) -> None:
    number = read_changes(engine, -1).change_number
    assert store.put_zones(zones_of(BERLIN)) == 0
    assert len(read_changes(engine, number).places) == 0


def test_weights_keep_their_dates(store: PlaceStore) -> None:
    weights = (CategoryWeight("TEA", 2.5, NOW, NOW + timedelta(days=7)), CategoryWeight("MILK", 1.0))
    store.put_zones([replace(store.get(ZONES, MILK), categories=weights)])
    assert store.get(ZONES, MILK).categories == weights


def test_a_beacon_that_moves_keeps_where_it_was(store: PlaceStore) -> None:
    store.put_beacons([placed()], NOW)
    store.put_beacons([placed(zone=WINE)], NOW)
    store.put_beacons([placed(zone=None, days=2)], NOW)
    beacon = store.get(BEACONS, ID)
    days = (-100, 0, 1, 2, 3)
    assert [beacon.zone_at(NOW + timedelta(days=day)) for day in days] == [MILK, WINE, WINE, None, None]
    with pytest.raises(Conflict) as refused:
        store.put_beacons([placed(days=1)], NOW)
    assert refused.value.field == "since"
    assert store.get(BEACONS, ID) == beacon


def test_two_beacons_cannot_send_the_same(store: PlaceStore) -> None:
    store.put_beacons([placed()], NOW)
    with pytest.raises(Conflict):
        store.put_beacons([placed(beacon="b2")], NOW)
    with pytest.raises(Conflict):
        store.put_beacons([placed("wine", beacon="b2"), placed("wine", beacon="b3")], NOW)
    store.delete(BEACONS, ID)
    store.put_beacons([placed(beacon="b2")], NOW)
    assert [beacon.beacon_id for beacon in store.read_all(BEACONS)] == ["b2"]


@pytest.mark.parametrize(
    ("zone", "field"),
    [
        (Zone(zone_id=ZoneId("z"), store_id=StoreId("none"), kind="aisle", name="Z"), "store_id"),
        (
            Zone(
                zone_id=ZoneId("z"), store_id=BERLIN.store_id, kind="aisle", name="Z",
                neighbours=frozenset({ZoneId("none")}),
            ),
            "neighbours",
        ),
    ],
)  # fmt: skip
def test_what_is_referred_to_must_be_there(store: PlaceStore, zone: Zone, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        store.put_zones([zone])
    assert refused.value.field == field
    with pytest.raises(InvalidInput):
        store.put_beacons([placed(zone=ZoneId("none"))], NOW)
    assert store.read_all(BEACONS) == []


def test_a_place_is_deleted_once_it_is_empty_and_everybody_hears_of_it(engine: Engine, store: PlaceStore) -> None:
    store.put_beacons([placed()], NOW)
    for kind, name in ((ZONES, MILK), (STORES, BERLIN.store_id)):
        with pytest.raises(Conflict):
            store.delete(kind, name)
    number = read_changes(engine, -1).change_number
    store.delete(BEACONS, ID)
    store.delete(ZONES, MILK)
    assert read_changes(engine, number).places.zones == {MILK: None}
    assert read_changes(engine, number).places.beacons == {ID: None}
    with pytest.raises(UnknownPlace):
        store.get(ZONES, MILK)
    store.put_beacons([placed(zone=WINE)], NOW)
    assert store.get(BEACONS, ID).zone_at(NOW) == WINE


def test_a_long_list_comes_in_pages(store: PlaceStore) -> None:
    first = store.read_all(ZONES, limit=4)
    rest = store.read_all(ZONES, after=first[-1].zone_id)
    assert [zone.zone_id for zone in first + rest] == sorted(zone.zone_id for zone in zones_of(BERLIN))
