"""Stores and placements in SQL, on both databases."""

from sqlalchemy import Engine

from features.sql.changes import read_changes
from features.sql.place_rows import STORES
from features.sql.place_store import PlaceStore
from features.sql.placement_store import PlacementStore
from recommender.ids import PlacementId, StoreId
from recommender.places.store import Store


def test_stores_come_back_and_are_counted_when_different(engine: Engine) -> None:
    store = PlaceStore(engine)
    one = Store(store_id=StoreId("2"), name="Two", timezone="Europe/Berlin", market="de")
    other = Store(store_id=StoreId("1"), name="One", timezone="UTC", market="de")
    assert store.put_stores([one, other]) == 2
    assert store.put_stores([one, other]) == 0
    assert store.read_all(STORES) == [other, one]


def test_a_placement_is_replaced_and_told_once(engine: Engine) -> None:
    store = PlacementStore(engine)
    assert store.get(PlacementId("home")) is None
    store.put(PlacementId("home"), {"title": "A"})
    store.put(PlacementId("home"), {"title": "B", "sources": ["popular"]})
    assert store.get(PlacementId("home")) == {"title": "B", "sources": ["popular"]}
    assert read_changes(engine, 0).placements == (("home", {"title": "B", "sources": ["popular"]}),)
    assert store.read_all() == {"home": {"title": "B", "sources": ["popular"]}}
