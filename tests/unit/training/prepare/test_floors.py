"""Invented floors: each aisle that a store sold something of, in order, with what is sold there."""

from datetime import timedelta
from pathlib import Path

import pytest

from features.settings import Settings
from features.sql.engine import opened
from features.sql.place_rows import BEACONS, ZONES
from features.sql.place_store import PlaceStore
from recommender.places.places import Places
from recommender.places.store import Store
from tests.places import NOW
from tests.small_journey import FUEL, MILK, RAMEN, WINE, source
from training.prepare.items import catalogue_facts
from training.prepare.orders import read_lines
from training.prepare.places import FLOOR, aisle_of, somewhere, write_floors


@pytest.mark.parametrize(
    ("department", "category", "aisle"),
    [
        ("GROCERY", "FLUID MILK PRODUCTS", "dairy"),
        ("GROCERY", "BAKED BREAD/BUNS/ROLLS", "bakery"),
        ("DRUG GM", "ANALGESICS", "pharmacy"),
        ("GROCERY", "SOMETHING NEW", "grocery"),
        ("MEAT", "BEEF", "meat"),
        ("SEAFOOD-PCKGD", "SEAFOOD - FROZEN", "seafood"),
    ],
)
def test_a_category_lies_in_one_aisle(department: str, category: str, aisle: str) -> None:
    place = aisle_of(department, category)
    assert place is not None
    assert FLOOR[place].name == aisle
    assert FLOOR[place].sensitive == (aisle == "pharmacy")


def test_what_is_no_ware_lies_nowhere() -> None:
    assert aisle_of("CHARITABLE CONT", None) is None


def test_a_store_has_the_aisles_that_it_sold_of_and_a_way_through_them(tmp_path: Path) -> None:
    sold = [(300, MILK)] * 4 + [(300, WINE)] * 3 + [(300, RAMEN)] * 2 + [(300, FUEL)] * 5 + [(301, MILK)]
    shop = source([{"basket_id": at, "store_id": store, "product_id": item} for at, (store, item) in enumerate(sold)])
    lines = read_lines(shop.transactions, shop.products, timedelta(0)).collect()
    with opened(Settings(data_dir=tmp_path)) as engine:
        store = PlaceStore(engine)
        stores = [Store(store_id=name, name=name, timezone="UTC", market="m") for name in ("300", "301")]  # pyright: ignore
        store.put_stores(somewhere(stores))
        assert write_floors(engine, catalogue_facts(shop.products.collect(), lines), lines, NOW) == 4
        zones = {zone.zone_id: zone for zone in store.read_all(ZONES)}
        beacons = {beacon.beacon_id: beacon for beacon in store.read_all(BEACONS)}
        assert write_floors(engine, catalogue_facts(shop.products.collect(), lines), lines, NOW) == 4
    assert set(zones) == {"300-entrance", "300-wine-and-beer", "300-dairy", "300-checkout"}
    assert zones["300-dairy"].category_weights(NOW) == {"FLUID MILK PRODUCTS": 1.0}
    places = Places({one.store_id: one for one in stores}, zones, beacons)
    steps = [places.steps_between("300-entrance", f"300-{name}") for name in ("wine-and-beer", "dairy", "checkout")]  # pyright: ignore
    assert steps == [1, 2, 1]
    assert {beacon.zone_at(NOW) for beacon in beacons.values()} == set(zones)
    assert len({(one.latitude, one.longitude) for one in somewhere(stores)}) == 2
