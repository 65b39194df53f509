"""What devices have heard lately: sets, so that late, repeated and reordered sightings come out the same."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

KEPT_SECONDS = 120  # sightings older than that say nothing about now
PACE_MS = 3_000  # of one beacon, one sighting in so long is enough
MOST_HEARD = 48  # of twenty beacons that is still longer than anybody has to stay in a zone
STORE_KEPT_SECONDS = 6 * 3600  # beyond that, nobody can tell by distance whether a journey was possible
MOST_STORES = 4
MOST_DEVICES = 4


@dataclass(frozen=True, slots=True, order=True)
class Heard:
    """One beacon as heard until a moment, by the phone's clock; times in milliseconds since 1970 UTC.

    Attributes:
        beacon: `number_of` its key.
        received_at: when the service heard of it first, by its own clock.
        rssi_dbm: average signal strength.
        samples: how many signals the average is of, 1 to 255.
    """

    last_seen: int
    beacon: int
    received_at: int
    rssi_dbm: float
    samples: int

    @property
    def at(self) -> int:
        """When it was heard; nothing is heard after it was told."""
        return min(self.last_seen, self.received_at)


@dataclass(frozen=True, slots=True)
class HeardLately:
    """What is kept of a device, and of the person who has it.

    Attributes:
        sightings: of the device, ascending.
        stores: when the person was in each store last, by `number_of` its id; milliseconds.
    """

    sightings: tuple[Heard, ...] = ()
    stores: Mapping[int, int] = field(default_factory=dict[int, int])

    def with_sightings(self, more: Iterable[Heard], now: datetime) -> "HeardLately":
        """These and those, of each beacon the last in PACE_MS; told again, one keeps the moment when it was told first.

        Whatever the order in which sightings come in, the same are kept.
        """
        best: dict[tuple[int, int], Heard] = {}
        for one in (*self.sightings, *more):
            known = best.setdefault((one.beacon, one.last_seen // PACE_MS), one)
            if _order(one) < _order(known):
                best[one.beacon, one.last_seen // PACE_MS] = one
        oldest = epoch_ms(now - timedelta(seconds=KEPT_SECONDS))
        kept = sorted(one for one in best.values() if one.at >= oldest)[-MOST_HEARD:]
        return HeardLately(tuple(kept), self.stores)

    def with_store(self, store: int, at: int, now: datetime) -> "HeardLately":
        """The person was in this store at `at`."""
        oldest = epoch_ms(now - timedelta(seconds=STORE_KEPT_SECONDS))
        seen = {**self.stores, store: max(at, self.stores.get(store, at))}
        newest = sorted(((when, which) for which, when in seen.items() if when >= oldest), reverse=True)
        return HeardLately(self.sightings, {which: when for when, which in newest[:MOST_STORES]})


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What is kept of a person: where their devices are, and where they themselves can be.

    A device is what an app says it is. So each has a zone of its own, but nobody is in two stores by naming two
    devices.

    Attributes:
        devices: by a number of each, its sightings, ascending; never empty.
        stores: see `HeardLately`.
    """

    devices: Mapping[int, tuple[Heard, ...]] = field(default_factory=dict[int, tuple[Heard, ...]])
    stores: Mapping[int, int] = field(default_factory=dict[int, int])

    def of(self, device: int) -> HeardLately:
        """What is kept of one device."""
        return HeardLately(self.devices.get(device, ()), self.stores)

    def with_device(self, device: int, state: HeardLately) -> "Whereabouts":
        """These, with what is to be kept of one device; MOST_DEVICES in all, of the others the last still heard."""
        heard = {**self.devices, device: state.sightings}
        told = {each: max(one.received_at for one in sightings) for each, sightings in heard.items() if sightings}
        oldest = max(told.values(), default=0) - KEPT_SECONDS * 1000
        others = sorted((each for each in told if told[each] >= oldest and each != device), key=lambda each: told[each])
        kept = [*others[1 - MOST_DEVICES :], *({device} & told.keys())]
        return Whereabouts({each: heard[each] for each in kept}, state.stores)


def epoch_ms(moment: datetime) -> int:
    """Milliseconds since 1970 UTC."""
    return int(moment.timestamp() * 1000)


def _order(one: Heard) -> tuple[int, int, float, int]:
    """Which of two sightings of a beacon at a time is kept: the later one; of the same, as it was told first."""
    return -one.last_seen, one.received_at, one.rssi_dbm, one.samples
