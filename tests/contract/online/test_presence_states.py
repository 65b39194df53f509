"""What people's devices heard lately, in Redis."""

import asyncio
from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from features.identity import ANONYMOUS_ID, USER_ID
from features.online.connection import connect, connect_blocking
from features.online.keys import PRESENCE_SECONDS, presence_of
from features.online.presence_states import Kept, PresenceStates, pack, unpack
from features.privacy.live import forget_live_state
from features.privacy.presence import presence_records
from features.settings import Settings
from features.sql.engine import opened
from features.sql.place_store import Placed, PlaceStore
from recommender.ids import BeaconId
from recommender.places.heard import (
    KEPT_SECONDS,
    MOST_DEVICES,
    MOST_STORES,
    Heard,
    HeardLately,
    Whereabouts,
    epoch_ms,
)
from recommender.places.places import number_of
from tests.places import BERLIN, NOW, key_of, zone_id, zones_of

NUMBERS = st.integers(0, 2**64 - 1)
TIMES = st.integers(0, 100_000).map(lambda ago: epoch_ms(NOW) - ago)
LEVELS = st.integers(-1270, -1).map(lambda tenths: tenths / 10)
SIGHTINGS = st.builds(Heard, TIMES, NUMBERS, TIMES, LEVELS, st.integers(1, 255))
STORES = st.dictionaries(NUMBERS, TIMES, max_size=MOST_STORES)
ANN, BOB = (USER_ID, "ann of presence"), (USER_ID, "bob of presence")  # of whom no other test leaves anything


def heard_once(beacon: int) -> HeardLately:
    return HeardLately().with_sightings([Heard(epoch_ms(NOW), beacon, epoch_ms(NOW), -60.0, 1)], NOW)


@given(st.lists(st.tuples(NUMBERS, st.lists(SIGHTINGS, max_size=60)), max_size=6), STORES, st.integers(0, 2**48))
def test_what_is_kept_comes_back_as_it_was(
    devices: list[tuple[int, list[Heard]]], stores: dict[int, int], emptied_at: int
) -> None:
    kept = Whereabouts(stores=stores)
    for device, sightings in devices:
        state = HeardLately(stores=stores).with_sightings(sightings, NOW)
        kept = kept.with_device(device, state)
        assert kept.of(device) == state
    assert unpack(pack(kept, emptied_at)) == Kept(kept, emptied_at, pack(kept, emptied_at))
    assert len(kept.devices) <= MOST_DEVICES


@given(st.binary(max_size=200))
def test_what_is_no_state_is_none(value: bytes) -> None:
    assert unpack(value).read == value
    assert unpack(b"\x01" + value) == Kept(read=b"\x01" + value)


def test_of_two_who_write_at_once_one_reads_again(deployment: Settings) -> None:
    async def main() -> None:
        async with connect(deployment) as redis:
            states = PresenceStates(redis)
            await redis.delete(presence_of(ANN))
            one, other = await states.read(ANN), await states.read(ANN)
            assert one == Kept()
            assert await states.keep(ANN, "phone", one, heard_once(1))
            assert not await states.keep(ANN, "phone", other, heard_once(2))
            again = await states.read(ANN)
            assert again.of("phone") == heard_once(1)
            assert await states.keep(ANN, "phone", again, again.of("phone"))
            assert await states.keep(ANN, "watch", again, heard_once(2).with_store(7, epoch_ms(NOW), NOW))
            both = await states.read(ANN)
            assert [both.of(device).sightings for device in ("phone", "watch", None)] == [
                heard_once(1).sightings, heard_once(2).sightings, ()
            ]  # fmt: skip
            assert both.of("phone").stores == both.of("another").stores == {7: epoch_ms(NOW)}
            left = timedelta(milliseconds=await redis.pttl(presence_of(ANN)))
            assert timedelta(0) < left <= timedelta(seconds=PRESENCE_SECONDS)

    asyncio.run(main())


def test_what_was_emptied_is_not_written_back_by_who_read_before(deployment: Settings) -> None:
    async def main() -> None:
        async with connect(deployment) as redis:
            states = PresenceStates(redis)
            await redis.delete(presence_of(ANN), presence_of(BOB))
            await states.keep(ANN, "phone", await states.read(ANN), heard_once(1))
            before = {person: await states.read(person) for person in (ANN, BOB)}
            await states.empty([ANN, BOB], 7)
            for person in (ANN, BOB):
                assert not await states.keep(person, "phone", before[person], heard_once(2))
                emptied = await states.read(person)
                assert (emptied.whereabouts, emptied.emptied_at) == (Whereabouts(), 7)
            assert await states.keep(ANN, "phone", emptied, heard_once(3))  # by who knows that it is allowed again
            await states.empty([ANN], 7)  # said again
            await states.empty([ANN], 6)
            again = await states.read(ANN)
            assert (again.of("phone"), again.emptied_at) == (heard_once(3), 7)
            await asyncio.gather(*(states.empty([ANN, BOB], number) for number in (9, 11, 10)))
            assert {(await states.read(person)).emptied_at for person in (ANN, BOB)} == {11}

    asyncio.run(main())


def test_who_names_a_new_device_at_each_call_leaves_no_more_than_four() -> None:
    kept = Whereabouts()
    for device in range(50):
        kept = kept.with_device(device, heard_once(device))
    assert len(kept.devices) == MOST_DEVICES
    later = NOW + timedelta(seconds=KEPT_SECONDS + 1)
    fresh = HeardLately().with_sightings([Heard(epoch_ms(later), 1, epoch_ms(later), -60.0, 1)], later)
    assert set(kept.with_device(99, fresh).devices) == {99}  # what the others heard is too old to say anything


def test_a_person_is_told_what_is_kept_and_it_goes_with_them(deployment: Settings, tmp_path: Path) -> None:
    ann, phone = (USER_ID, "ann of places"), (ANONYMOUS_ID, "app-17")
    state = HeardLately().with_sightings(
        [Heard(epoch_ms(NOW), number_of(key_of("milk")), epoch_ms(NOW), -60.0, 1)], NOW
    )
    state = state.with_store(number_of(BERLIN.store_id), epoch_ms(NOW), NOW)

    async def keep() -> None:
        async with connect(deployment) as redis:
            states = PresenceStates(redis)
            for person in (ann, phone, BOB):
                await redis.delete(presence_of(person))
                assert await states.keep(person, "a device", Kept(), state)

    asyncio.run(keep())
    with connect_blocking(deployment) as redis, opened(Settings(data_dir=tmp_path)) as engine:
        store = PlaceStore(engine)
        store.put_stores([BERLIN])
        store.put_zones(zones_of(BERLIN))
        store.put_beacons([Placed(BeaconId("b1"), key_of("milk"), zone_id(BERLIN, "milk"))], NOW)
        said = {
            "heard": [{"beacon_id": "b1", "at": NOW.isoformat(), "rssi_dbm": -60.0}],
            "stores": [{"store_id": "berlin", "at": NOW.isoformat()}],
        }
        assert presence_records(redis, engine, [ann, phone]) == [said, said]
        assert forget_live_state(redis, [ann, phone]) == 2
        assert presence_records(redis, engine, [ann, phone]) == []
        assert redis.delete(presence_of(BOB)) == 1
