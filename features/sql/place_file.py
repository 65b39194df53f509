"""What rows of a file state of zones and beacons: every row checked, those that do not fit told with the reason."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import polars as pl

from features.import_file import REASON, ROW
from features.sealing import Seal
from features.sql.item_file import FALSE, TRUE
from features.sql.place_rows import BEACONS, STORES, ZONES
from features.sql.place_store import Placed, PlaceStore
from recommender.errors import InvalidInput, RecommenderError
from recommender.ids import BeaconId, StoreId, ZoneId
from recommender.places.beacons import eddystone_uid_key, ibeacon_key
from recommender.places.ephemeral import Enrolment, identity_of, read_identity_key
from recommender.places.zone import ZONE_KINDS, CategoryWeight, Zone

T = TypeVar("T")

ZONE_COLUMNS = ("store_id", "zone_id", "kind", "name", "sensitive", "neighbours", "categories")
BEACON_COLUMNS = (
    "beacon_id", "uuid", "major", "minor", "namespace", "instance", "eid_key", "rotation_exponent",
    "counter_began_at", "since",
)  # fmt: skip
COLUMNS = (*ZONE_COLUMNS, *BEACON_COLUMNS)
LONGEST = {"store_id": 100, "zone_id": 100, "beacon_id": 100, "name": 200}

Row = Mapping[str, Any]  # texts by column, null where the file says nothing; `row` is its number


class _Weight(msgspec.Struct, forbid_unknown_fields=True):
    category: str
    weight: float = 1.0
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlacesStated:
    """What rows state, by their numbers; `reasons`: why others do not fit, each beginning with its column."""

    zones: dict[int, Zone]
    placed: dict[int, Placed]
    reasons: dict[int, str]


def check_rows(rows: pl.DataFrame, store: PlaceStore, seal: Seal, now: datetime) -> PlacesStated:
    """Check rows against each other and against what there is; docs/formats.md has the columns.

    A row may state a zone, a beacon, or both. Of several rows of one zone or beacon the first counts.

    Args:
        rows: as `features.import_file` reads them, with COLUMNS.
        seal: for identity keys of beacons.
    """
    reasons = _unreadable(rows)
    listed = [row for row in rows.iter_rows(named=True) if row[ROW] not in reasons]
    for row in listed:
        if row.get("kind") is None and row.get("beacon_id") is None:
            reasons[row[ROW]] = "kind: missing, and no beacon_id either: neither a zone nor a beacon"
    zones = _parse(listed, "kind", "zone_id", _zone, reasons)
    _refuse_lost(zones, store, reasons)
    placed = _parse(listed, "beacon_id", "beacon_id", lambda row: _placed(row, seal), reasons)
    _refuse_unplaceable(placed, {zone.zone_id for zone in zones.values()}, store, now, reasons)
    return PlacesStated(zones, placed, reasons)


def _unreadable(rows: pl.DataFrame) -> dict[int, str]:
    if REASON not in rows.columns:
        return {}
    return dict(rows.filter(pl.col(REASON).is_not_null()).select(ROW, REASON).iter_rows())


def _parse(
    rows: Sequence[Row], if_stated: str, key: str, parse: Callable[[Row], T], reasons: dict[int, str]
) -> dict[int, T]:
    """What the rows state that have the column `if_stated`, by number; rows that do not fit go to `reasons`."""
    parsed, seen = dict[int, T](), set[str]()
    for row in rows:
        if row.get(if_stated) is None or row[ROW] in reasons:
            continue
        try:
            name = _text(row, key)
            if name in seen:
                reasons[row[ROW]] = f"{key}: an earlier row has the same"
                continue
            parsed[row[ROW]] = parse(row)
            seen.add(name)
        except RecommenderError as error:
            reasons[row[ROW]] = f"{error.field}: {error}"
    return parsed


def _zone(row: Row) -> Zone:
    kind, sensitive = row["kind"], str(row.get("sensitive") or "false").lower()
    if kind not in ZONE_KINDS:
        raise InvalidInput(f"none of {', '.join(ZONE_KINDS)}", field="kind")
    if sensitive not in {*TRUE, *FALSE}:
        raise InvalidInput("not true or false", field="sensitive")
    weights = _json(row, "categories", list[_Weight])
    for one in weights:
        if not 0 < one.weight <= 1e6 or any(
            at is not None and at.tzinfo is None for at in (one.valid_from, one.valid_until)
        ):
            raise InvalidInput("a weight is above 0, and times have an offset", field="categories")
    return Zone(
        zone_id=ZoneId(_text(row, "zone_id")), store_id=StoreId(_text(row, "store_id")), kind=kind,
        name=_text(row, "name"), sensitive=sensitive in TRUE,
        neighbours=frozenset(map(ZoneId, _json(row, "neighbours", list[str]))),
        categories=tuple(CategoryWeight(one.category, one.weight, one.valid_from, one.valid_until) for one in weights),
    )  # fmt: skip


def _placed(row: Row, seal: Seal) -> Placed:
    enrolment = None
    if row.get("eid_key") is not None:
        identity_key = read_identity_key(_text(row, "eid_key"), "eid_key")
        exponent, began_at = _whole(row, "rotation_exponent"), _moment(row, "counter_began_at")
        key, enrolment = identity_of(identity_key), Enrolment(exponent, began_at, seal(identity_key))
    elif row.get("namespace") is None:
        key = ibeacon_key(_text(row, "uuid"), _whole(row, "major"), _whole(row, "minor"))
    else:
        key = eddystone_uid_key(_text(row, "namespace"), _text(row, "instance"))
    since = None if row.get("since") is None else _moment(row, "since")
    return Placed(BeaconId(_text(row, "beacon_id")), key, ZoneId(_text(row, "zone_id")), since, enrolment)


def _refuse_lost(zones: dict[int, Zone], store: PlaceStore, reasons: dict[int, str]) -> None:
    """Refuse zones of no store, and those beside a zone that is not there, until all neighbours are."""
    stores, known = {one.store_id for one in store.read_all(STORES)}, store.read_all(ZONES)
    while True:
        there = {(zone.store_id, zone.zone_id) for zone in (*known, *zones.values())}
        lost = {
            row: "store_id: no such store" if zone.store_id not in stores else "neighbours: no such zone in this store"
            for row, zone in zones.items()
            if zone.store_id not in stores or any((zone.store_id, other) not in there for other in zone.neighbours)
        }
        if not lost:
            return
        reasons |= lost
        for row in lost:
            del zones[row]


def _refuse_unplaceable(
    placed: dict[int, Placed], stated: set[ZoneId], store: PlaceStore, now: datetime, reasons: dict[int, str]
) -> None:
    zones = stated | {zone.zone_id for zone in store.read_all(ZONES)}
    known = {beacon.beacon_id: beacon for beacon in store.read_all(BEACONS)}
    sender = {beacon.key: beacon.beacon_id for beacon in known.values()}
    for row, one in list(placed.items()):
        try:
            if one.zone_id not in zones:
                raise InvalidInput("no such zone", field="zone_id")
            if sender.setdefault(one.key, one.beacon_id) != one.beacon_id:
                raise InvalidInput(f"{sender[one.key]!r} sends the same", field="beacon_id")
            one.on(known.get(one.beacon_id), now)
        except RecommenderError as error:
            reasons[row] = f"{error.field}: {error}"
            del placed[row]


def _text(row: Row, name: str) -> str:
    text = row.get(name)
    if text is None:
        raise InvalidInput("missing", field=name)
    if len(text) > LONGEST.get(name, 60) or "\0" in text:
        raise InvalidInput(f"longer than {LONGEST.get(name, 60)} characters, or with a NUL", field=name)
    return text


def _whole(row: Row, name: str) -> int:
    text = _text(row, name)
    if not text.isdecimal() or len(text) > 5:
        raise InvalidInput("not a whole number from 0 to 65535", field=name)
    return int(text)


def _moment(row: Row, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(row, name))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidInput("not a time with its offset, such as 2026-05-31T12:00:00Z", field=name)
    return moment.astimezone(UTC)


def _json(row: Row, name: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(row.get(name) or "[]", type=kind)
    except msgspec.MsgspecError as error:
        raise InvalidInput(f"not such JSON as docs/formats.md has: {error}", field=name) from error
