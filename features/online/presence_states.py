"""What devices heard lately, in Redis: one small packed value a device."""

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING

from features.online.gathered_reads import GatheredReads
from features.online.keys import PRESENCE_SECONDS, load_script, presence_of
from recommender.places.heard import MOST_STORES, Heard, HeardLately

if TYPE_CHECKING:
    from redis.asyncio import Redis

LAYOUT = 1
HEAD, SIGHTING, STORE = Struct("<BBB"), Struct("<QqihBx"), Struct("<Qq")
TENTHS = 10.0  # levels are kept in tenths of a dBm
MOST_LATER = 2**31 - 1  # milliseconds


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a device, and as which bytes it was read."""

    state: HeardLately
    read: bytes


class PresenceStates:
    """What each device heard. Only of people who allow `in_store_location` may anything be read or kept."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._values = GatheredReads(redis)
        self._replace = load_script("replace_if_same")

    async def read(self, device_id: str) -> Kept:
        """What is kept of a device; one round trip, which many readers may share."""
        [value] = await self._values.get([presence_of(device_id)])
        return Kept(unpack(value or b""), value or b"")

    async def keep(self, device_id: str, before: Kept, state: HeardLately) -> bool:
        """Keep a state in the place of the one that was read; one round trip.

        Returns whether it is kept. If not, somebody else wrote in between: read and judge again.
        """
        if state == before.state:
            return True
        args: Sequence[bytes | int] = (before.read, pack(state), PRESENCE_SECONDS)
        kept = self._redis.eval(self._replace, 1, presence_of(device_id), *args)  # pyright: ignore[reportArgumentType] - typed for text
        return bool(await kept)

    async def forget(self, device_id: str) -> None:
        """Forget a device; one round trip."""
        await self._redis.delete(presence_of(device_id))


def pack(state: HeardLately) -> bytes:
    """Pack a state.

    That is a head (layout, sightings, stores), then each sighting: beacon, last seen, how much later it was told
    (milliseconds), level, samples; then each store and when the device was there.
    """
    sightings = (
        SIGHTING.pack(one.beacon, one.last_seen, _later(one), round(one.rssi_dbm * TENTHS), one.samples)
        for one in state.sightings
    )
    stores = (STORE.pack(store, at) for store, at in sorted(state.stores.items()))
    return b"".join([HEAD.pack(LAYOUT, len(state.sightings), len(state.stores)), *sightings, *stores])


def unpack(value: bytes) -> HeardLately:
    """The state that was packed; an empty one for what is of another layout."""
    if len(value) < HEAD.size or value[0] != LAYOUT:
        return HeardLately()
    _, n_sightings, n_stores = HEAD.unpack_from(value)
    end = HEAD.size + n_sightings * SIGHTING.size
    if len(value) != end + n_stores * STORE.size or n_stores > MOST_STORES:
        return HeardLately()
    sightings = tuple(
        Heard(last_seen, beacon, last_seen + later, level / TENTHS, samples)
        for beacon, last_seen, later, level, samples in SIGHTING.iter_unpack(value[HEAD.size : end])
    )
    return HeardLately(sightings, dict(STORE.iter_unpack(value[end:])))


def _later(one: Heard) -> int:
    return max(-MOST_LATER, min(MOST_LATER, one.received_at - one.last_seen))
