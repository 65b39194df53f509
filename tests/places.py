"""A small chain: two stores far apart, one of them with a row of aisles, a pharmacy, and a beacon in each zone."""

from datetime import UTC, datetime, timedelta

from recommender.ids import BeaconId, BeaconKey, StoreId, ZoneId
from recommender.places.beacons import ALWAYS, Assignment, Beacon, ibeacon_key
from recommender.places.places import Places
from recommender.places.presence import Sighting
from recommender.places.store import Store
from recommender.places.zone import CategoryWeight, Zone

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
UUID = "5f0c3a1e-9b7d-4c62-a8e1-f00d2b6c9d13"
AISLES = ("entrance", "bread", "milk", "wine", "checkout")  # in this order along the store
BERLIN = Store(
    store_id=StoreId("berlin"), name="Berlin", timezone="Europe/Berlin", market="de", latitude=52.52, longitude=13.41
)
PARIS = Store(
    store_id=StoreId("paris"), name="Paris", timezone="Europe/Paris", market="fr", latitude=48.86, longitude=2.35
)


def zone_id(store: Store, name: str) -> ZoneId:
    return ZoneId(f"{store.store_id}-{name}")


def key_of(name: str, store: Store = BERLIN) -> BeaconKey:
    return ibeacon_key(UUID, 1 if store is BERLIN else 2, [*AISLES, "pharmacy", "spare"].index(name))


def zones_of(store: Store) -> list[Zone]:
    row = [
        Zone(
            zone_id=zone_id(store, name), store_id=store.store_id, name=name,
            kind=name if name in {"entrance", "checkout"} else "aisle",
            neighbours=frozenset({zone_id(store, AISLES[place - 1])} if place else ()),
            categories=(CategoryWeight(name.upper(), 1.0),),
        )
        for place, name in enumerate(AISLES)
    ]  # fmt: skip
    pharmacy = Zone(
        zone_id=zone_id(store, "pharmacy"), store_id=store.store_id, name="Pharmacy", kind="department",
        sensitive=True, neighbours=frozenset({zone_id(store, "milk")}),
    )  # fmt: skip
    return [*row, pharmacy]


def beacons_of(store: Store) -> list[Beacon]:
    return [
        Beacon(BeaconId(zone.zone_id), key_of(zone.zone_id.split("-")[1], store), (Assignment(ALWAYS, zone.zone_id),))
        for zone in zones_of(store)
    ]


def chain() -> Places:
    return Places().with_changes(
        {store.store_id: store for store in (BERLIN, PARIS)},
        {zone.zone_id: zone for store in (BERLIN, PARIS) for zone in zones_of(store)},
        {beacon.beacon_id: beacon for store in (BERLIN, PARIS) for beacon in beacons_of(store)},
    )


def heard(name: str, ago: float = 0, rssi_dbm: float | None = -60, store: Store = BERLIN) -> Sighting:
    """A beacon's signal, `ago` seconds before NOW."""
    return Sighting(key_of(name, store), rssi_dbm, 5, NOW - timedelta(seconds=ago))
