"""Transmitters: what each sends, in one spelling, and in which zone it was when."""

import re
from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from recommender.errors import Conflict, InvalidInput
from recommender.ids import BeaconId, BeaconKey, ZoneId
from recommender.places.ephemeral import Enrolment

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)  # since when a beacon is where it is first said to be
EID = "eddystone_eid"
NUMBERS = 65_536  # a major or minor is below


@dataclass(frozen=True, slots=True)
class Assignment:
    """From `since` on, until the next one, the beacon stands for this zone; None: for none."""

    since: datetime
    zone_id: ZoneId | None


@dataclass(frozen=True, slots=True)
class Beacon:
    """A transmitter. Its assignments ascend by `since`, so that at any moment it stands for one zone at most.

    Attributes:
        key: what it sends; of one whose identifiers rotate, what it is known by.
        enrolment: of Eddystone-EID.
    """

    beacon_id: BeaconId
    key: BeaconKey
    assignments: tuple[Assignment, ...] = ()
    enrolment: Enrolment | None = None

    def zone_at(self, at: datetime) -> ZoneId | None:
        """The zone that it stood for at a moment."""
        last = bisect_right(self.assignments, at, key=_since)
        return self.assignments[last - 1].zone_id if last else None

    @property
    def last_zone(self) -> ZoneId | None:
        """The zone of its latest assignment."""
        return self.assignments[-1].zone_id if self.assignments else None

    def moved(self, zone_id: ZoneId | None, since: datetime) -> "Beacon":
        """It stands for `zone_id` from then on; what was before stays on record.

        Raises:
            Conflict: it was moved at that moment, or later, already.
        """
        last = self.assignments[-1] if self.assignments else None
        if last is not None and zone_id == last.zone_id and since >= last.since:
            return self
        if last is not None and since <= last.since:
            raise Conflict(
                f"The beacon {self.beacon_id!r} was moved at {last.since.isoformat()}; history is not rewritten.",
                field="since",
                remedy="Send a later moment, or leave `since` out: from now on.",
            )
        return replace(self, assignments=(*self.assignments, Assignment(since, zone_id)))


def ibeacon_key(uuid: str, major: int, minor: int) -> BeaconKey:
    """The key of an iBeacon; `uuid` with or without hyphens, in either case. Raises InvalidInput."""
    digits = _hexadecimal(uuid.replace("-", ""), 32, "uuid")
    for name, number in (("major", major), ("minor", minor)):
        if not 0 <= number < NUMBERS:
            raise InvalidInput(f"{name} must be from 0 to 65535.", field=name, remedy="Send it as the beacon does.")
    return BeaconKey(f"ibeacon:{digits}:{major}:{minor}")


def eddystone_uid_key(namespace: str, instance: str) -> BeaconKey:
    """The key of an Eddystone-UID frame: 20 and 12 hexadecimal digits. Raises InvalidInput."""
    return BeaconKey(
        f"eddystone_uid:{_hexadecimal(namespace, 20, 'namespace')}:{_hexadecimal(instance, 12, 'instance')}"
    )


def eddystone_eid_key(eid: str) -> BeaconKey:
    """The key of an Eddystone-EID frame: 16 hexadecimal digits, of this moment only. Raises InvalidInput."""
    return BeaconKey(f"{EID}:{_hexadecimal(eid, 16, 'eid')}")


def frame_of(beacon: Beacon) -> dict[str, str | int]:
    """What a beacon sends, as the API spells it: type with uuid, major, minor; or with namespace and instance.

    Of rotating identifiers: what they are made of, but for the key.
    """
    kind, *parts = beacon.key.split(":")
    if beacon.enrolment is not None:
        enrolled = beacon.enrolment
        began_at = enrolled.counter_began_at.isoformat()
        return {"type": EID, "rotation_exponent": enrolled.rotation_exponent, "counter_began_at": began_at}
    if kind == "ibeacon":
        uuid, major, minor = parts
        return {"type": kind, "uuid": _hyphenated(uuid), "major": int(major), "minor": int(minor)}
    return {"type": kind, "namespace": parts[0], "instance": parts[1]}


def _hexadecimal(text: str, digits: int, field: str) -> str:
    if not re.fullmatch(f"[0-9A-Fa-f]{{{digits}}}", text):
        raise InvalidInput(
            f"{field} must be {digits} hexadecimal digits.", field=field, remedy="Send it as the beacon does."
        )
    return text.lower()


def _hyphenated(uuid: str) -> str:
    return "-".join((uuid[:8], uuid[8:12], uuid[12:16], uuid[16:20], uuid[20:]))


def _since(assignment: Assignment) -> datetime:
    return assignment.since
