"""Whether a device can be in a store at all: among what else it hears, and after where it was before."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from recommender.ids import StoreId
from recommender.places.heard import STORE_KEPT_SECONDS, Heard
from recommender.places.places import Places
from recommender.places.store import Store
from recommender.places.walk import Milliseconds
from recommender.places.zone import Zone


class JourneyRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How people get from store to store.

    Attributes:
        together_ms: what was heard within so long was heard in one place.
        km_per_hour: the fastest journey; speed of a fast train.
        next_door_km: stores so close need no journey.
        change_seconds: least time from one store to another where their distance is not known.
    """

    together_ms: Milliseconds
    km_per_hour: Annotated[float, Meta(gt=0, le=2_000)]
    next_door_km: Annotated[float, Meta(ge=0, le=100)]
    change_seconds: Annotated[int, Meta(ge=0, le=STORE_KEPT_SECONDS)]


def store_of(heard: Sequence[tuple[Heard, Zone]], rules: JourneyRules) -> tuple[StoreId | None, tuple[int, ...]]:
    """The store that a device is in by what it heard last, and which beacons of others it heard at the same time.

    The store with more of its beacons is believed; None where two have as many.
    """
    if not heard:
        return None, ()
    last = max(one.at for one, _ in heard)
    beacons: dict[StoreId, set[int]] = {}
    for one, zone in heard:
        if one.at > last - rules.together_ms:
            beacons.setdefault(zone.store_id, set()).add(one.beacon)
    most = max(len(found) for found in beacons.values())
    believed = [store_id for store_id, found in beacons.items() if len(found) == most]
    strangers = {beacon for store_id, found in beacons.items() if store_id != believed[0] for beacon in found}
    return believed[0] if len(believed) == 1 else None, tuple(sorted(strangers)) if len(believed) == 1 else ()


def is_possible(store: Store, at: int, before: Mapping[int, int], places: Places, rules: JourneyRules) -> bool:
    """Whether somebody can be in a store at `at` who was in others at the times in `before`; milliseconds."""
    for number, when in before.items():
        other = places.store_numbered(number)
        if other is None or other.store_id == store.store_id:
            continue
        km, seconds = store.km_between(other), abs(at - when) / 1000
        if km is None:
            if seconds < rules.change_seconds:
                return False
        elif km > rules.next_door_km and km > rules.km_per_hour * seconds / 3600:
            return False
    return True
