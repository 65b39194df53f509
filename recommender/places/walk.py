"""Which zone of a store a device is in: its sightings, followed in the order of time.

Signal strength says little about metres, so zones are told apart by which one is loudest: smoothed over some seconds,
with a margin before another zone takes over, and with different levels for entering and leaving.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from msgspec import Meta, Struct

from recommender.ids import ZoneId
from recommender.places.heard import KEPT_SECONDS, Heard
from recommender.places.places import Places
from recommender.places.zone import Zone

# Beyond what is kept of a device no time can be told.
Milliseconds = Annotated[int, Meta(ge=1, le=KEPT_SECONDS * 1_000)]
Decibels = Annotated[float, Meta(ge=0, le=60)]
Level = Annotated[float, Meta(ge=-127, lt=0)]
Signal = tuple[int, Heard, Zone]  # when, in milliseconds; what; and where the beacon stood


class WalkRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How signals become a zone; levels in dBm, `margin` in dB.

    Attributes:
        smoothing_ms: over how long signals are averaged.
        fading: how much a beacon loses a second while it is not heard, in dB: what has fallen silent is farther away.
        margin: how much louder another zone has to be.
        enter, leave: a zone is entered at this level, and left below that one.
        silence_ms: a zone that was not heard for so long was left.
        step_ms: least time in which one gets from a zone into its neighbour.
    """

    smoothing_ms: Milliseconds
    fading: Decibels
    margin: Decibels
    enter: Level
    leave: Level
    silence_ms: Milliseconds
    step_ms: Annotated[int, Meta(ge=0, le=KEPT_SECONDS * 1_000)]

    def __post_init__(self) -> None:
        """Raises ValueError."""
        if self.leave > self.enter:
            raise ValueError("`leave` must not be above `enter`")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a walk has led to.

    Attributes:
        zone: None: in none.
        entered: when the service heard that the zone was entered, by its own clock; milliseconds.
        heard: when the zone was heard last; milliseconds.
        loudest: when it was heard last of the times it was the loudest, so that the device was surely in it.
        impossible: the loudest zone by now cannot have been reached from the last one in the time.
    """

    zone: Zone | None = None
    entered: int = 0
    heard: int = 0
    loudest: int = 0
    impossible: bool = False


def follow(heard: Sequence[tuple[Heard, Zone]], places: Places, rules: WalkRules) -> Standing:
    """Follow the sightings of one device in one store; `heard` has each with its beacon's zone, in any order."""
    ordered = sorted(((one.at, one, zone) for one, zone in heard), key=lambda signal: signal[:2])
    zones = {zone.zone_id: zone for _, _, zone in ordered}
    standing, before = Standing(), Standing()  # `before`: the last zone, though it was left
    first = last = 0
    while last < len(ordered):
        at, told = ordered[last][0], ordered[last][1].received_at
        while last < len(ordered) and ordered[last][0] == at:
            told, last = min(told, ordered[last][1].received_at), last + 1
        while ordered[first][0] <= at - rules.smoothing_ms:
            first += 1
        recent = ordered[first:last]
        levels = _levels(recent, at, rules)
        standing = _stay(standing, at, recent, levels, rules)
        loudest = max(levels, key=lambda zone_id: (levels[zone_id], zone_id))
        if standing.zone is not None and loudest == standing.zone.zone_id:
            standing = replace(standing, loudest=standing.heard)
        before = standing if standing.zone is not None else before
        if not _takes_over(loudest, levels, standing, rules):
            continue
        if _can_reach(loudest, at, before, places, rules):
            standing = before = Standing(zones[loudest], told, at, at)
        else:
            standing = replace(standing, impossible=True)
    return standing


def _levels(recent: Sequence[Signal], at: int, rules: WalkRules) -> Mapping[ZoneId, float]:
    """How loud each zone is: the loudest of its beacons, each the average of its signals less its silence."""
    sums: dict[tuple[ZoneId, int], tuple[float, int, int]] = {}
    for when, one, zone in recent:
        total, count, last = sums.get((zone.zone_id, one.beacon), (0.0, 0, 0))
        sums[zone.zone_id, one.beacon] = total + one.rssi_dbm * one.samples, count + one.samples, max(last, when)
    levels: dict[ZoneId, float] = {}
    for (zone_id, _), (total, count, last) in sums.items():
        level = total / count - rules.fading * (at - last) / 1000
        levels[zone_id] = max(levels.get(zone_id, -float("inf")), level)
    return levels


def _stay(
    standing: Standing, at: int, recent: Sequence[Signal], levels: Mapping[ZoneId, float], rules: WalkRules
) -> Standing:
    """Still in the zone, or in none any more."""
    if standing.zone is None or at - standing.heard > rules.silence_ms:
        return Standing()
    here = standing.zone.zone_id
    if levels.get(here, rules.leave) < rules.leave:
        return Standing()
    heard = max((when for when, _, zone in recent if zone.zone_id == here), default=standing.heard)
    return replace(standing, heard=heard, impossible=False)


def _takes_over(loudest: ZoneId, levels: Mapping[ZoneId, float], standing: Standing, rules: WalkRules) -> bool:
    if levels[loudest] < rules.enter:
        return False
    if standing.zone is None:
        return True
    here = levels.get(standing.zone.zone_id, rules.leave)
    return loudest != standing.zone.zone_id and levels[loudest] >= here + rules.margin


def _can_reach(there: ZoneId, at: int, before: Standing, places: Places, rules: WalkRules) -> bool:
    """Whether there was time to walk from the last zone; where no way is known, nothing is held against it."""
    if before.zone is None:
        return True
    steps = places.steps_between(before.zone.zone_id, there)
    return steps is None or steps * rules.step_ms <= at - before.loudest
