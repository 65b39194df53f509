"""Places in SQL: stores, zones and beacons, with what they refer to checked in the transaction that writes them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, delete, insert, select, update

from features.audit import SYSTEM, Author, Entry
from features.sql.audit_store import append_audit
from features.sql.chunks import chunks_of
from features.sql.engine import Write, reading, writing
from features.sql.place_rows import BEACONS, STORES, ZONES, Kind, known_ids, read_places, rows_of
from features.sql.tables.places import beacons, zones
from recommender.errors import Conflict, InvalidInput, UnknownPlace
from recommender.ids import BeaconId, BeaconKey, ZoneId
from recommender.places.beacons import ALWAYS, Beacon
from recommender.places.ephemeral import Enrolment
from recommender.places.store import Store
from recommender.places.zone import Zone

P = TypeVar("P")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a beacon is to be. `since` None: from now on; of a beacon that is new, as long as one can think."""

    beacon_id: BeaconId
    key: BeaconKey
    zone_id: ZoneId | None
    since: datetime | None = None
    enrolment: Enrolment | None = None

    def on(self, known: Beacon | None, now: datetime) -> Beacon:
        """The beacon after that; raises Conflict."""
        if known is None:
            return Beacon(self.beacon_id, self.key, (), self.enrolment).moved(self.zone_id, self.since or ALWAYS)
        return replace(known, key=self.key, enrolment=self.enrolment).moved(self.zone_id, self.since or now)


class PlaceStore:
    """Places by their ids. What it is given was parsed; what it refers to must be there."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, kind: Kind[P], place_id: str) -> P:
        """Read one; raises UnknownPlace."""
        with reading(self._engine) as connection:
            return _get(connection, kind, place_id)

    def read_all(
        self, kind: Kind[P], *, after: str = "", limit: int | None = None, store_id: str | None = None
    ) -> list[P]:
        """Read those with ids after `after`, ascending, up to a limit; with a store, only its own."""
        key = kind.table.c[kind.key]
        query = select(kind.table).where(~kind.table.c.deleted, key > after).order_by(key).limit(limit)
        if store_id is not None and "store_id" in kind.table.c:
            query = query.where(kind.table.c.store_id == store_id)
        elif store_id is not None:
            there = select(zones.c.zone_id).where(zones.c.store_id == store_id, ~zones.c.deleted)
            query = query.where(kind.table.c.zone_id.in_(there))
        with reading(self._engine) as connection:
            return [kind.of_row(row) for row in rows_of(connection, query)]

    def put_stores(self, stated: Sequence[Store], *, by: Author = SYSTEM) -> int:
        """State all facts of stores, no store twice; returns how many were new or different. See `_put`."""

        def as_they_are(_: Write, some: Sequence[Store]) -> list[Store]:
            return list(some)

        return self._put(STORES, stated, as_they_are, by)

    def put_zones(self, stated: Sequence[Zone], *, by: Author = SYSTEM) -> int:
        """State all facts of zones, no zone twice; returns how many were new or different. See `_put`.

        Raises:
            InvalidInput: there is no such store, or a neighbour is no zone of the same store.
        """
        batch = {zone.zone_id: zone for zone in stated}
        return self._put(ZONES, stated, lambda write, some: _checked_zones(write, some, batch), by)

    def put_beacons(self, placed: Sequence[Placed], now: datetime, *, by: Author = SYSTEM) -> int:
        """Say what beacons send and where they are, no beacon twice; returns how many were new or different.

        Raises:
            InvalidInput: there is no such zone.
            Conflict: another beacon sends the same, or this one was moved later than that.
        """
        return self._put(BEACONS, placed, lambda write, some: _checked_beacons(write, some, now), by)

    def put_together(self, stated: Sequence[Zone], placed: Sequence[Placed], now: datetime, *, by: Author) -> int:
        """State zones and what beacons are in them, all or nothing; the rest as `put_zones` and `put_beacons`."""
        batch = {zone.zone_id: zone for zone in stated}
        with writing(self._engine) as write:
            n_changed = _write(write, ZONES, _checked_zones(write, stated, batch), by)
            return n_changed + _write(write, BEACONS, _checked_beacons(write, placed, now), by)

    def delete(self, kind: Kind[P], place_id: str, *, by: Author = SYSTEM) -> None:
        """Delete one; raises UnknownPlace, or Conflict while something is in it."""
        with writing(self._engine) as write:
            _get(write.connection, kind, place_id)
            _refuse_full(write.connection, kind, place_id)
            gone: dict[str, Any] = {"deleted": True, "change_number": write.change_number}
            if kind.table is beacons:
                gone |= {"key": None, "enrolment": None}
            write.connection.execute(update(kind.table).where(kind.table.c[kind.key] == place_id).values(**gone))
            append_audit(write.connection, Entry(by, f"{kind.area}.delete", kind.noun, place_id))

    def _put(
        self, kind: Kind[P], stated: Sequence[S], checked: Callable[[Write, Sequence[S]], list[P]], by: Author
    ) -> int:
        """Write what is new or different, in transactions so short that nobody waits long.

        One that fails leaves those before it in force; a single place is written or not.
        """
        n_changed = 0
        for chunk in chunks_of(stated):
            with writing(self._engine) as write:
                n_changed += _write(write, kind, checked(write, chunk), by)
        return n_changed


def _checked_zones(write: Write, some: Sequence[Zone], batch: Mapping[ZoneId, Zone]) -> list[Zone]:
    """These zones; `batch`: all that are stated together."""
    known_stores = known_ids(write.connection, STORES, sorted({zone.store_id for zone in some}))
    elsewhere = sorted({other for zone in some for other in zone.neighbours} - batch.keys())
    known = {**read_places(write.connection, ZONES, elsewhere), **batch}
    for zone in some:
        if zone.store_id not in known_stores:
            raise _missing("store_id", f"There is no store {zone.store_id!r}.")
        for other in sorted(zone.neighbours):
            if other not in known or known[other].store_id != zone.store_id:
                raise _missing("neighbours", f"There is no zone {other!r} in store {zone.store_id!r}.")
    return list(some)


def _checked_beacons(write: Write, some: Sequence[Placed], now: datetime) -> list[Beacon]:
    known_zones = known_ids(write.connection, ZONES, sorted({one.zone_id for one in some if one.zone_id}))
    known = read_places(write.connection, BEACONS, [one.beacon_id for one in some])
    taken = _senders(write.connection, [one.key for one in some])
    for one in some:
        if one.zone_id is not None and one.zone_id not in known_zones:
            raise _missing("zone_id", f"There is no zone {one.zone_id!r}.")
        if taken.setdefault(one.key, one.beacon_id) != one.beacon_id:
            raise Conflict(
                f"The beacon {taken[one.key]!r} sends the same as {one.beacon_id!r}.", field="beacon_id",
                remedy="Change what one of them sends, or delete the other.",
            )  # fmt: skip
    return [one.on(known.get(one.beacon_id), now) for one in some]


def _write(write: Write, kind: Kind[P], places: Sequence[P], by: Author) -> int:
    known = read_places(write.connection, kind, [kind.id_of(place) for place in places])
    changed = [place for place in places if known.get(kind.id_of(place)) != place]
    if not changed:
        return 0
    ids = [kind.id_of(place) for place in changed]
    write.connection.execute(delete(kind.table).where(kind.table.c[kind.key].in_(ids)))
    stamped = {"deleted": False, "change_number": write.change_number}
    write.connection.execute(insert(kind.table), [kind.row_of(place) | stamped for place in changed])
    one = ids[0] if len(ids) == 1 else None
    append_audit(write.connection, Entry(by, f"{kind.area}.put", kind.noun, one, {"rows": len(ids)}))
    return len(ids)


def _get(connection: Connection, kind: Kind[P], place_id: str) -> P:
    found = read_places(connection, kind, [place_id])
    if place_id not in found:
        raise UnknownPlace(
            f"There is no {kind.noun} {place_id!r}.",
            field=kind.key,
            remedy=f"GET /v1/{kind.area} lists those there are.",
        )
    return found[place_id]


def _senders(connection: Connection, keys: Sequence[BeaconKey]) -> dict[str, str]:
    query = select(beacons.c.key, beacons.c.beacon_id).where(beacons.c.key.in_(keys))
    return {str(key): beacon_id for key, beacon_id in connection.execute(query)}


def _refuse_full(connection: Connection, kind: Kind[P], place_id: str) -> None:
    """Refuse to delete a place that something stands in; raises Conflict."""
    inside = {"store": (zones, zones.c.store_id), "zone": (beacons, beacons.c.zone_id)}.get(kind.noun)
    if inside is None:
        return
    table, within = inside
    found = connection.execute(select(table).where(within == place_id, ~table.c.deleted).limit(1)).first()
    if found is not None:
        raise Conflict(
            f"The {kind.noun} {place_id!r} still has {table.name}, such as {found[0]!r}.",
            field=kind.key,
            remedy=f"Delete or move its {table.name} first.",
        )


def _missing(field: str, message: str) -> InvalidInput:
    return InvalidInput(message, field=field, remedy="Make it first, or correct the id.")
