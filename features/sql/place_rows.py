"""Stores, zones and beacons as rows of SQL: the three kinds of places, each with its table."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar

import orjson
from sqlalchemy import Connection, Select, Table, select

from features.sql.tables.places import beacons, stores, zones
from recommender.ids import BeaconId, BeaconKey, StoreId, ZoneId
from recommender.places.beacons import Assignment, Beacon
from recommender.places.ephemeral import Enrolment
from recommender.places.store import Store
from recommender.places.zone import CategoryWeight, Zone

P = TypeVar("P")

AT_ONCE = 1_000  # values of one IN


@dataclass(frozen=True, slots=True)
class Kind(Generic[P]):
    """One kind of place.

    Attributes:
        noun: "store"; its area of the audit trail is the plural.
        key: name of the column and the attribute with its id.
    """

    noun: str
    table: Table
    key: str
    of_row: Callable[[Mapping[str, Any]], P]
    row_of: Callable[[P], dict[str, Any]]

    @property
    def area(self) -> str:
        """What the audit trail calls it."""
        return f"{self.noun}s"

    def id_of(self, place: P) -> str:
        """Its id."""
        return str(getattr(place, self.key))


@dataclass(frozen=True, slots=True)
class PlacesChanged:
    """How stores, zones and beacons stand that changed, by their ids; None: it is gone."""

    stores: Mapping[StoreId, Store | None]
    zones: Mapping[ZoneId, Zone | None]
    beacons: Mapping[BeaconId, Beacon | None]

    def __len__(self) -> int:
        return len(self.stores) + len(self.zones) + len(self.beacons)


def _store_of(row: Mapping[str, Any]) -> Store:
    return Store(
        store_id=StoreId(row["store_id"]),
        name=row["name"],
        timezone=row["timezone"],
        market=row["market"],
        latitude=row["latitude"],
        longitude=row["longitude"],
        opening_hours=row["opening_hours"],
    )


def _zone_of(row: Mapping[str, Any]) -> Zone:
    return Zone(
        zone_id=ZoneId(row["zone_id"]),
        store_id=StoreId(row["store_id"]),
        kind=row["kind"],
        name=row["name"],
        sensitive=row["sensitive"],
        neighbours=frozenset(map(ZoneId, row["neighbours"])),
        categories=_weights_of(row["categories"]),
    )


@lru_cache(maxsize=4_096)
def _weights_of(text: str) -> tuple[CategoryWeight, ...]:
    return tuple(
        CategoryWeight(category, weight, _moment(begins), _moment(ends))
        for category, weight, begins, ends in orjson.loads(text)
    )


def _row_of_zone(zone: Zone) -> dict[str, Any]:
    weights = [[one.category, one.weight, _text(one.valid_from), _text(one.valid_until)] for one in zone.categories]
    names = ("zone_id", "store_id", "kind", "name", "sensitive")
    facts = {name: getattr(zone, name) for name in names}
    return {**facts, "neighbours": sorted(zone.neighbours), "categories": orjson.dumps(weights).decode()}


def _beacon_of(row: Mapping[str, Any]) -> Beacon:
    assignments = tuple(
        Assignment(datetime.fromisoformat(since), None if zone_id is None else ZoneId(zone_id))
        for since, zone_id in row["assignments"]
    )
    enrolment = _enrolment_of(row["enrolment"])
    return Beacon(BeaconId(row["beacon_id"]), BeaconKey(row["key"]), assignments, enrolment)


def _row_of_beacon(beacon: Beacon) -> dict[str, Any]:
    assignments = [[one.since.isoformat(), one.zone_id] for one in beacon.assignments]
    facts = {"beacon_id": beacon.beacon_id, "key": beacon.key, "zone_id": beacon.last_zone}
    return {**facts, "assignments": assignments, "enrolment": _enrolment_row(beacon.enrolment)}


def _enrolment_of(kept: Sequence[Any] | None) -> Enrolment | None:
    if kept is None:
        return None
    exponent, began_at, sealed_key = kept
    return Enrolment(exponent, datetime.fromisoformat(began_at), sealed_key)


def _enrolment_row(enrolment: Enrolment | None) -> list[Any] | None:
    if enrolment is None:
        return None
    return [enrolment.rotation_exponent, enrolment.counter_began_at.isoformat(), enrolment.sealed_key]


STORES: Kind[Store] = Kind("store", stores, "store_id", _store_of, asdict)
ZONES: Kind[Zone] = Kind("zone", zones, "zone_id", _zone_of, _row_of_zone)
BEACONS: Kind[Beacon] = Kind("beacon", beacons, "beacon_id", _beacon_of, _row_of_beacon)


def read_places(connection: Connection, kind: Kind[P], ids: Sequence[str]) -> dict[str, P]:
    """Those that there are of these ids."""
    found: dict[str, P] = {}
    for start in range(0, len(ids), AT_ONCE):
        some = kind.table.c[kind.key].in_(ids[start : start + AT_ONCE])
        rows = rows_of(connection, select(kind.table).where(some, ~kind.table.c.deleted))
        found |= {row[kind.key]: kind.of_row(row) for row in rows}
    return found


def known_ids(connection: Connection, kind: Kind[P], ids: Sequence[str]) -> set[str]:
    """Which of these ids there are."""
    key, found = kind.table.c[kind.key], set[str]()
    for start in range(0, len(ids), AT_ONCE):
        some = key.in_(ids[start : start + AT_ONCE])
        found.update(connection.execute(select(key).where(some, ~kind.table.c.deleted)).scalars())
    return found


def rows_of(connection: Connection, query: Select[*tuple[Any, ...]]) -> Iterable[Mapping[str, Any]]:
    """The rows of a query, each by the names of its columns."""
    found = connection.execute(query)
    names = list(found.keys())
    return [dict(zip(names, row, strict=True)) for row in found]


def read_changed_places(connection: Connection, after: int) -> PlacesChanged:
    """What changed after a change number."""
    return PlacesChanged(
        {StoreId(name): store for name, store in _read_changed(connection, STORES, after)},
        {ZoneId(name): zone for name, zone in _read_changed(connection, ZONES, after)},
        {BeaconId(name): beacon for name, beacon in _read_changed(connection, BEACONS, after)},
    )


def _read_changed(connection: Connection, kind: Kind[P], after: int) -> list[tuple[str, P | None]]:
    rows = rows_of(connection, select(kind.table).where(kind.table.c.change_number > after))
    return [(row[kind.key], None if row["deleted"] else kind.of_row(row)) for row in rows]


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
