"""Whether a device is where its sightings say: one pure judgement. A sighting is a hint, never a proof."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from recommender.ids import BeaconId, BeaconKey, StoreId
from recommender.places.beacons import Beacon
from recommender.places.heard import KEPT_SECONDS, Heard, HeardLately, epoch_ms
from recommender.places.journeys import JourneyRules, is_possible, store_of
from recommender.places.places import Places, number_of
from recommender.places.walk import WalkRules, follow
from recommender.places.zone import Zone

MOST_AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A beacon as an app heard it, averaged over `samples` signals until `last_seen` of the phone's clock.

    `rssi_dbm` is None, 0 or 127 where the phone could not tell.
    """

    key: BeaconKey
    rssi_dbm: float | None
    samples: int
    last_seen: datetime


class Absence(StrEnum):
    """Why nothing may be offered here; words of the closed list of reasons."""

    UNKNOWN_BEACON = "unknown_beacon"
    STALE_SIGHTING = "stale_sighting"  # too old, of the future, told before, or without a signal strength
    DWELL_NOT_MET = "dwell_not_met"
    IMPLAUSIBLE_MOVEMENT = "implausible_movement"
    POLICY_NO_OFFER = "policy_no_offer"  # a sensitive zone


@dataclass(frozen=True, slots=True)
class Presence:
    """A device is in a zone; `since`: when the service heard of that first, by its own clock."""

    store_id: StoreId
    zone: Zone
    since: datetime


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of some sightings.

    Attributes:
        state: to be kept of the device; as it was, where nothing new may be kept.
        retry_after_seconds: when to ask again, where waiting may help.
        moved: beacons that were heard among those of another store: somebody moved them.
    """

    outcome: Presence | Absence
    state: HeardLately
    retry_after_seconds: int | None = None
    moved: tuple[BeaconId, ...] = ()


class PresenceRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What places.toml says: what a presence takes.

    Attributes:
        fresh: how old a sighting may be.
        ahead: how far a phone's clock may run ahead.
        dwell: how long one has to be in a zone, by the service's clock.
    """

    fresh: timedelta
    ahead: timedelta
    dwell: timedelta
    walk: WalkRules
    journeys: JourneyRules

    def __post_init__(self) -> None:
        """Raises ValueError."""
        if not timedelta() <= self.dwell < self.fresh <= timedelta(seconds=KEPT_SECONDS):
            raise ValueError(f"`dwell` must be below `fresh`, and that at most {KEPT_SECONDS} seconds")
        if not timedelta() <= self.ahead <= MOST_AHEAD:
            raise ValueError(f"`ahead` must be from 0 to {MOST_AHEAD.seconds} seconds")


def judge(
    sightings: Sequence[Sighting], state: HeardLately, places: Places, now: datetime, rules: PresenceRules
) -> Judgement:
    """Judge sightings of one device against what was heard of it before.

    Args:
        sightings: in any order.
        state: `Judgement.state` of the time before.
        now: of the service's clock.
    """
    placed = [(one, beacon, zone) for one in sightings for beacon, zone in _found(one.key, places, now)]
    if not placed:
        return Judgement(Absence.UNKNOWN_BEACON, state)
    audible = [entry for entry in placed if _is_audible(entry[0]) and _is_fresh(entry[0], now, rules)]
    if not audible:
        return Judgement(Absence.STALE_SIGHTING, state)
    if max(audible, key=lambda entry: (entry[0].rssi_dbm or 0, entry[0].key))[2].sensitive:
        return Judgement(Absence.POLICY_NO_OFFER, state)
    told = [_stamped(one, now) for one, _, zone in audible if not zone.sensitive]
    heard = state.with_sightings(told, now)
    if not _says_more(heard, state):
        return Judgement(Absence.STALE_SIGHTING, heard)
    return _judge_new(heard, state, places, now, rules)


def untold(state: HeardLately, sightings: Sequence[Sighting]) -> HeardLately:
    """The state as if these had not been told: for a call that is made again because its first answer never came."""
    these = {(number_of(one.key), epoch_ms(one.last_seen)) for one in sightings}
    kept = tuple(one for one in state.sightings if (one.beacon, one.last_seen) not in these)
    return HeardLately(kept, state.stores)


def _judge_new(
    heard: HeardLately, state: HeardLately, places: Places, now: datetime, rules: PresenceRules
) -> Judgement:
    located = _located(heard.sightings, places)
    store_id, strangers = store_of(located, rules.journeys)
    if store_id is None:
        return Judgement(Absence.IMPLAUSIBLE_MOVEMENT, state, moved=_names(strangers, places))
    here = [(one, zone) for one, zone in located if zone.store_id == store_id]
    latest = max(one.at for one, _ in here)
    if not is_possible(places.stores[store_id], latest, state.stores, places, rules.journeys):
        return Judgement(Absence.IMPLAUSIBLE_MOVEMENT, state)
    odd = set(strangers)
    kept = HeardLately(tuple(one for one in heard.sightings if one.beacon not in odd), heard.stores)
    kept = kept.with_store(number_of(store_id), latest, now)
    moved = _names(strangers, places)
    standing = follow(here, places, rules.walk)
    if standing.impossible:
        return Judgement(Absence.IMPLAUSIBLE_MOVEMENT, kept, moved=moved)
    if standing.zone is None or epoch_ms(now) - standing.heard > rules.walk.silence_ms:
        return Judgement(Absence.DWELL_NOT_MET, kept, _seconds(rules.dwell), moved)
    since = datetime.fromtimestamp(standing.entered / 1000, now.tzinfo)
    if now - since < rules.dwell:
        return Judgement(Absence.DWELL_NOT_MET, kept, _seconds(rules.dwell - (now - since)), moved)
    return Judgement(Presence(store_id, standing.zone, since), kept, moved=moved)


def _found(key: BeaconKey, places: Places, now: datetime) -> list[tuple[Beacon, Zone]]:
    beacon, zone = places.beacon_of(key), places.zone_of(key, now)
    return [] if beacon is None or zone is None or zone.store_id not in places.stores else [(beacon, zone)]


def _is_audible(sighting: Sighting) -> bool:
    return sighting.rssi_dbm is not None and -127 <= sighting.rssi_dbm < 0


def _is_fresh(sighting: Sighting, now: datetime, rules: PresenceRules) -> bool:
    return now - rules.fresh <= sighting.last_seen <= now + rules.ahead


def _stamped(sighting: Sighting, now: datetime) -> Heard:
    samples = min(max(sighting.samples, 1), 255)
    last_seen, told = epoch_ms(sighting.last_seen), epoch_ms(now)
    return Heard(last_seen, number_of(sighting.key), told, round(sighting.rssi_dbm or 0.0, 1), samples)


def _says_more(heard: HeardLately, before: HeardLately) -> bool:
    """Whether something was heard that was not known before."""
    known = {(one.beacon, one.last_seen) for one in before.sightings}
    return any((one.beacon, one.last_seen) not in known for one in heard.sightings)


def _located(heard: Sequence[Heard], places: Places) -> list[tuple[Heard, Zone]]:
    """Each with the zone that its beacon stood for then; those of none, or of a sensitive one, are left out."""
    found: list[tuple[Heard, Zone]] = []
    for one in heard:
        beacon = places.beacon_numbered(one.beacon)
        zone = None if beacon is None else places.zone_of(beacon.key, _moment(one.at))
        if zone is not None and not zone.sensitive and zone.store_id in places.stores:
            found.append((one, zone))
    return found


def _names(beacons: Sequence[int], places: Places) -> tuple[BeaconId, ...]:
    found = (places.beacon_numbered(number) for number in beacons)
    return tuple(sorted(beacon.beacon_id for beacon in found if beacon is not None))


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _seconds(wait: timedelta) -> int:
    return -(-wait // timedelta(seconds=1))
