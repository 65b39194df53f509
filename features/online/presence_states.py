"""What people's devices heard lately, in Redis: one small packed value a person."""

import asyncio
from collections.abc import Awaitable, Collection
from dataclasses import dataclass, field
from struct import Struct
from typing import TYPE_CHECKING

from features.identity import Identifier
from features.online.gathered_calls import calls_to
from features.online.in_time import KEEPING_SECONDS, line_to
from features.online.keys import PRESENCE_SECONDS, load_script, presence_of
from recommender.places.heard import MOST_DEVICES, MOST_STORES, Heard, HeardLately, Whereabouts
from recommender.places.places import number_of

if TYPE_CHECKING:
    from redis.asyncio import Redis

LAYOUT = 2
HEAD, DEVICE, SIGHTING, STORE = Struct("<BQBB"), Struct("<QB"), Struct("<QqihBx"), Struct("<Qq")
TENTHS = 10.0  # levels are kept in tenths of a dBm
MOST_LATER = 2**31 - 1  # milliseconds


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a person, and as which bytes it was read.

    Attributes:
        emptied_at: the change number of the ledger of consents as of which it was emptied; who knows less of the ledger
            does not know that the person may have refused. 0: not of late.
    """

    whereabouts: Whereabouts = field(default_factory=Whereabouts)
    emptied_at: int = 0
    read: bytes = b""

    def of(self, device_id: str | None) -> HeardLately:
        """What is kept of one device; None: an app that names none."""
        return self.whereabouts.of(_number(device_id))


class PresenceStates:
    """What the devices of each user or app installation heard.

    Only of people who allow `in_store_location` may anything be read or kept.
    """

    def __init__(self, redis: "Redis") -> None:
        self._redis, self._line, self._calls = redis, line_to(redis), calls_to(redis)
        self._replace = load_script("replace_if_same")

    def read(self, holder: Identifier) -> Awaitable[Kept]:
        """What is kept of a person: asked for now; one round trip, which many readers may share."""
        return self._calls.call("GET", presence_of(holder), read=_unpack_found)

    async def keep(self, holder: Identifier, device_id: str | None, before: Kept, state: HeardLately) -> bool:
        """Keep the state of one device beside what was read of its person; one round trip.

        Returns whether it is kept. If not, somebody else wrote in between: read, see whether it was emptied, and judge
        again.
        """
        if state == before.of(device_id):
            return True
        after = before.whereabouts.with_device(_number(device_id), state)
        value = pack(after, before.emptied_at)
        key = presence_of(holder)
        return bool(await self._calls.call("EVAL", self._replace, 1, key, before.read, value, PRESENCE_SECONDS))

    async def empty(self, holders: Collection[Identifier], emptied_at: int) -> None:
        """Forget people, as of a change number of the ledger of consents; two round trips, if nobody interferes.

        That stays written for PRESENCE_SECONDS, so that whoever read before, or knows less of the ledger, writes
        nothing back. Said again, it changes nothing.
        """
        waiting, emptied = [presence_of(holder) for holder in holders], pack(Whereabouts(), emptied_at)
        async with self._line.in_time(KEEPING_SECONDS):
            await self._empty(waiting, emptied, emptied_at)

    async def _empty(self, waiting: list[str], emptied: bytes, emptied_at: int) -> None:
        while waiting:
            values = await asyncio.gather(*(self._calls.call("GET", key) for key in waiting))
            known = zip(waiting, (value or b"" for value in values), strict=True)
            older = [(key, value) for key, value in known if unpack(value).emptied_at < emptied_at]
            pipeline = self._redis.pipeline(transaction=False)
            for key, value in older:
                pipeline.eval(self._replace, 1, key, value, emptied, PRESENCE_SECONDS)  # pyright: ignore[reportArgumentType] - typed for text
            done: list[int] = await pipeline.execute()
            waiting = [key for (key, _), is_done in zip(older, done, strict=True) if not is_done]


def pack(whereabouts: Whereabouts, emptied_at: int = 0) -> bytes:
    """Pack what is kept of a person.

    That is a head (layout, when emptied, devices, stores), then each device: its number, how many sightings, and those:
    beacon, last seen, how much later it was told (milliseconds), level, samples; then each store and when the person
    was there.
    """
    parts = [HEAD.pack(LAYOUT, emptied_at, len(whereabouts.devices), len(whereabouts.stores))]
    for device, sightings in sorted(whereabouts.devices.items()):
        parts.append(DEVICE.pack(device, len(sightings)))
        parts += [
            SIGHTING.pack(one.beacon, one.last_seen, _later(one), round(one.rssi_dbm * TENTHS), one.samples)
            for one in sightings
        ]
    parts += [STORE.pack(store, at) for store, at in sorted(whereabouts.stores.items())]
    return b"".join(parts)


def unpack(value: bytes) -> Kept:
    """What was packed; nothing for what is of another layout."""
    nothing = Kept(read=value)
    if len(value) < HEAD.size or value[0] != LAYOUT:
        return nothing
    _, emptied_at, n_devices, n_stores = HEAD.unpack_from(value)
    if n_devices > MOST_DEVICES or n_stores > MOST_STORES:
        return nothing
    devices, at = dict[int, tuple[Heard, ...]](), HEAD.size
    for _ in range(n_devices):
        if len(value) < at + DEVICE.size:
            return nothing
        device, n_sightings = DEVICE.unpack_from(value, at)
        at += DEVICE.size
        packed = value[at : (at := at + n_sightings * SIGHTING.size)]
        if len(value) < at:
            return nothing
        devices[device] = tuple(_heard(*one) for one in SIGHTING.iter_unpack(packed))
    if len(value) != at + n_stores * STORE.size:
        return nothing
    return Kept(Whereabouts(devices, dict(STORE.iter_unpack(value[at:]))), emptied_at, value)


def _unpack_found(value: bytes | None) -> Kept:
    return unpack(value or b"")


def _heard(beacon: int, last_seen: int, later: int, level: int, samples: int) -> Heard:
    return Heard(last_seen, beacon, last_seen + later, level / TENTHS, samples)


def _later(one: Heard) -> int:
    return max(-MOST_LATER, min(MOST_LATER, one.received_at - one.last_seen))


def _number(device_id: str | None) -> int:
    return number_of(device_id or "")
