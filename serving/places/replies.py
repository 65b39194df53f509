"""Places as JSON."""

from collections.abc import Mapping
from dataclasses import asdict

from recommender.places.beacons import Beacon, frame_of
from recommender.places.manifest import Region
from recommender.places.store import Store
from recommender.places.zone import Zone

Reply = Mapping[str, object]


def store_reply(store: Store) -> Reply:
    """One store."""
    return asdict(store)


def zone_reply(zone: Zone) -> Reply:
    """One zone."""
    return asdict(zone) | {"neighbours": sorted(zone.neighbours)}


def beacon_reply(beacon: Beacon) -> Reply:
    """One beacon, with all zones that it was in."""
    return {
        "beacon_id": beacon.beacon_id,
        "frame": frame_of(beacon),
        "zone_id": beacon.last_zone,
        "assignments": [asdict(one) for one in beacon.assignments],
    }


def region_reply(region: Region) -> Reply:
    """What to watch."""
    name = "uuid" if region.type == "ibeacon" else "namespace"
    chain = {name: region.chain} if region.chain else {}
    major = {} if region.major is None else {"major": region.major}
    return {"type": region.type, **chain, **major}
