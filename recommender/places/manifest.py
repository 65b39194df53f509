"""The few regions that an app has to watch near a store: never a map of beacons."""

from collections.abc import Iterable
from dataclasses import dataclass

from recommender.ids import StoreId
from recommender.places.beacons import frame_of
from recommender.places.places import Places

MOST_REGIONS = 20  # what a phone watches for one app


@dataclass(frozen=True, slots=True)
class Near:
    """A point on the ground, in degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True, order=True)
class Region:
    """What to listen for: all iBeacons of a UUID, those of one major of it, an Eddystone namespace, or any EID."""

    type: str
    chain: str
    major: int | None = None


def regions_near(places: Places, where: StoreId | Near) -> list[Region]:
    """What to watch around a store or a point: the chain as a whole, then store after store, the nearest first.

    Of a store that does not say where it is, its own regions follow those of the chain.
    """
    chain = {Region(one.type, one.chain) for store_id in places.stores for one in _regions_of(places, store_id)}
    own = [region for store_id in _by_distance(places, where) for region in _regions_of(places, store_id)]
    return [*dict.fromkeys([*sorted(chain), *own])][:MOST_REGIONS]


def _by_distance(places: Places, where: StoreId | Near) -> list[StoreId]:
    if not isinstance(where, Near):
        store = places.stores[where]
        if store.latitude is None or store.longitude is None:
            return [where]
        where = Near(store.latitude, store.longitude)
    far = ((store.km_to(where.latitude, where.longitude), store_id) for store_id, store in places.stores.items())
    return [store_id for _, store_id in sorted((km, store_id) for km, store_id in far if km is not None)]


def _regions_of(places: Places, store_id: StoreId) -> Iterable[Region]:
    frames = (frame_of(beacon) for beacon in places.beacons_in(store_id))
    found = {
        Region("ibeacon", str(frame["uuid"]), int(frame["major"]))
        if frame["type"] == "ibeacon"
        else Region(str(frame["type"]), str(frame.get("namespace", "")))
        for frame in frames
    }
    return sorted(found, key=lambda one: (one.type, one.chain, one.major or 0))
