"""Which beacon a rotating identifier is of: a table of all that may be heard now, made anew in the background."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import timedelta

from cryptography.fernet import InvalidToken

from features.sealing import BEACON_KEYS, box
from recommender.ids import BeaconId, BeaconKey
from recommender.places.beacons import Beacon, eddystone_eid_key
from recommender.places.ephemeral import Enrolment, resolve_all
from recommender.places.places import Places
from serving.cancellation import heed_cancellation
from serving.clock import Clock

LOOK_SECONDS = 1.0  # until a beacon that was set up is heard
AHEAD = timedelta(seconds=60)  # what a table knows before its time; made anew when half of it is over

log = logging.getLogger(__name__)


class EidResolver:
    """Resolves Eddystone-EID of the beacons whose identity keys we have; 10 µs of a thread an identifier and table.

    Args:
        places: of this moment.
        secret: of the deployment, which the identity keys are sealed with.
    """

    def __init__(self, places: Callable[[], Places], secret: Callable[[], bytes], clock: Clock) -> None:
        self._places, self._secret, self._clock = places, secret, clock
        self._table: Mapping[BeaconKey, BeaconKey] = {}
        self._keys = dict[BeaconId, tuple[BeaconKey, bytes, Enrolment]]()
        self._seen: Mapping[BeaconId, Beacon] = {}

    def resolve(self, heard: BeaconKey) -> BeaconKey:
        """What the beacon is known by that sends this; a frame of another kind, or nobody's, stays what it is."""
        return self._table.get(heard, heard)

    async def run(self) -> None:
        """Keep the table up to date until cancelled."""
        loop, due_at = asyncio.get_running_loop(), 0.0
        while True:
            beacons = self._places().beacons
            if beacons is not self._seen or loop.time() >= due_at:
                due_at = loop.time() + AHEAD.total_seconds() / 2
                self._table = await asyncio.to_thread(self._build, beacons)
            await asyncio.sleep(LOOK_SECONDS)
            heed_cancellation()

    def _build(self, beacons: Mapping[BeaconId, Beacon]) -> dict[BeaconKey, BeaconKey]:
        if beacons is not self._seen:
            self._keys = {one.beacon_id: opened for one in beacons.values() if (opened := self._open(one)) is not None}
            self._seen = beacons
        table = resolve_all(self._keys.values(), self._clock(), AHEAD)
        return {eddystone_eid_key(sent): key for sent, key in table.items()}

    def _open(self, beacon: Beacon) -> tuple[BeaconKey, bytes, Enrolment] | None:
        if beacon.enrolment is None:
            return None
        known = self._keys.get(beacon.beacon_id)
        if known is not None and known[0] == beacon.key and known[2] == beacon.enrolment:
            return known
        try:
            key = box(self._secret(), BEACON_KEYS).decrypt(beacon.enrolment.sealed_key.encode())
        except InvalidToken:
            log.warning("the identity key of beacon %s was sealed with another secret: set it anew", beacon.beacon_id)
            return None
        return beacon.key, key, beacon.enrolment
