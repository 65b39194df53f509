"""All places at one moment, as one value: what a beacon stands for, and how far it is between two zones."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from typing import TypeVar

from recommender.ids import BeaconId, BeaconKey, StoreId, ZoneId
from recommender.places.beacons import Beacon
from recommender.places.store import Store
from recommender.places.zone import Zone

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class Places:
    """Stores, zones and beacons by their ids. A change makes a new value; see `with_changes`."""

    stores: Mapping[StoreId, Store] = field(default_factory=dict[StoreId, Store])
    zones: Mapping[ZoneId, Zone] = field(default_factory=dict[ZoneId, Zone])
    beacons: Mapping[BeaconId, Beacon] = field(default_factory=dict[BeaconId, Beacon])

    def with_changes(
        self,
        stores: Mapping[StoreId, Store | None],
        zones: Mapping[ZoneId, Zone | None],
        beacons: Mapping[BeaconId, Beacon | None],
    ) -> "Places":
        """These places, with how things stand that changed; None: it is gone."""
        return Places(_changed(self.stores, stores), _changed(self.zones, zones), _changed(self.beacons, beacons))

    def market_of(self, store_id: str) -> str | None:
        """The market of a store; None: there is no such store."""
        store = self.stores.get(StoreId(store_id))
        return None if store is None else store.market

    def beacon_of(self, key: BeaconKey) -> Beacon | None:
        """The beacon that sends this."""
        return self._beacon_of_key.get(key)

    def zone_of(self, key: BeaconKey, at: datetime) -> Zone | None:
        """The zone that what was heard stood for at a moment; None: the beacon is not ours, or stood for none."""
        beacon = self._beacon_of_key.get(key)
        zone_id = None if beacon is None else beacon.zone_at(at)
        return None if zone_id is None else self.zones.get(zone_id)

    def beacon_numbered(self, number: int) -> Beacon | None:
        """The beacon whose key has this `number_of`."""
        return self._beacon_of_number.get(number)

    def store_numbered(self, number: int) -> Store | None:
        """The store whose id has this `number_of`."""
        return self._store_of_number.get(number)

    def beacons_in(self, store_id: StoreId) -> Iterable[Beacon]:
        """Beacons whose latest assignment is to a zone of this store, by id."""
        return self._beacons_of_store.get(store_id, ())

    def steps_between(self, one: ZoneId, other: ZoneId) -> int | None:
        """How many times one has to step into a neighbouring zone; None: no way is known to lead there."""
        distance, waiting = {one: 0}, deque([one])
        while waiting:
            here = waiting.popleft()
            if here == other:
                return distance[here]
            for there in self._neighbours.get(here, ()):
                if there not in distance:
                    distance[there] = distance[here] + 1
                    waiting.append(there)
        return None

    @cached_property
    def _beacon_of_key(self) -> dict[BeaconKey, Beacon]:
        return {beacon.key: beacon for beacon in self.beacons.values()}

    @cached_property
    def _beacon_of_number(self) -> dict[int, Beacon]:
        return {number_of(beacon.key): beacon for beacon in self.beacons.values()}

    @cached_property
    def _store_of_number(self) -> dict[int, Store]:
        return {number_of(store_id): store for store_id, store in self.stores.items()}

    @cached_property
    def _beacons_of_store(self) -> dict[StoreId, list[Beacon]]:
        found: dict[StoreId, list[Beacon]] = {}
        for _, beacon in sorted(self.beacons.items()):
            zone = None if beacon.last_zone is None else self.zones.get(beacon.last_zone)
            if zone is not None:
                found.setdefault(zone.store_id, []).append(beacon)
        return found

    @cached_property
    def _neighbours(self) -> dict[ZoneId, list[ZoneId]]:
        both: dict[ZoneId, set[ZoneId]] = {}
        for zone_id, zone in self.zones.items():
            for other in zone.neighbours & self.zones.keys():
                both.setdefault(zone_id, set()).add(other)
                both.setdefault(other, set()).add(zone_id)
        return {zone_id: sorted(others) for zone_id, others in both.items()}


def number_of(name: str) -> int:
    """A short name of a beacon's key or a store's id: 64 bits of its BLAKE2b digest."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


def _changed(known: Mapping[K, V], changes: Mapping[K, V | None]) -> Mapping[K, V]:
    if not changes:
        return known
    kept = {key: value for key, value in known.items() if key not in changes}
    return kept | {key: value for key, value in changes.items() if value is not None}
