"""What can be done with places: written to SQL in a thread, in force here before the reply, announced to all."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import polars as pl

from features.audit import Author
from features.sealing import Seal
from features.sql.place_file import check_rows
from features.sql.place_rows import BEACONS, STORES, ZONES, Kind
from features.sql.place_store import Placed, PlaceStore
from recommender.places.beacons import Beacon
from recommender.places.store import Store
from recommender.places.zone import Zone
from serving.clock import Clock

P = TypeVar("P")
Frame = pl.DataFrame  # rows of a file, as `features.import_file` reads them


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of rows: why some do not fit, by their numbers from 1; else how much was new or different."""

    reasons: Mapping[int, str]
    changed: int


class PlaceDesk:
    """Reads and changes stores, zones and beacons.

    Attributes:
        seal: for identity keys of beacons.
    """

    def __init__(self, store: PlaceStore, announce: Callable[[], Awaitable[None]], seal: Seal, clock: Clock) -> None:
        self._store, self._announce, self._clock, self.seal = store, announce, clock, seal

    async def read(self, kind: Kind[P], place_id: str) -> P:
        """Read one; raises UnknownPlace."""
        return await asyncio.to_thread(self._store.get, kind, place_id)

    async def read_page(self, kind: Kind[P], after: str, limit: int, store_id: str | None) -> list[P]:
        """Read some by id."""
        return await asyncio.to_thread(self._store.read_all, kind, after=after, limit=limit, store_id=store_id)

    async def put_store(self, stated: Store, by: Author) -> Store:
        """State all facts of a store."""
        await asyncio.to_thread(self._store.put_stores, [stated], by=by)
        await self._announce()
        return await self.read(STORES, stated.store_id)

    async def put_zone(self, stated: Zone, by: Author) -> Zone:
        """State all facts of a zone; see `PlaceStore.put_zones`."""
        await asyncio.to_thread(self._store.put_zones, [stated], by=by)
        await self._announce()
        return await self.read(ZONES, stated.zone_id)

    async def put_beacon(self, placed: Placed, by: Author) -> Beacon:
        """Say what a beacon sends and where it is; see `PlaceStore.put_beacons`."""
        await asyncio.to_thread(self._store.put_beacons, [placed], self._clock(), by=by)
        await self._announce()
        return await self.read(BEACONS, placed.beacon_id)

    async def import_all(self, rows: Frame, by: Author) -> Imported:
        """State what rows state of zones and beacons, all or nothing; see `check_rows`."""
        done = await asyncio.to_thread(self._import_all, rows, by)
        await self._announce()
        return done

    def _import_all(self, rows: Frame, by: Author) -> Imported:
        now = self._clock()
        stated = check_rows(rows, self._store, self.seal, now)
        if stated.reasons:
            return Imported(stated.reasons, 0)
        zones, placed = [*stated.zones.values()], [*stated.placed.values()]
        return Imported({}, self._store.put_together(zones, placed, now, by=by))

    async def delete(self, kind: Kind[P], place_id: str, by: Author) -> None:
        """Delete one; see `PlaceStore.delete`."""
        await asyncio.to_thread(self._store.delete, kind, place_id, by=by)
        await self._announce()
