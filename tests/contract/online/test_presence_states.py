"""What devices heard lately, in Redis."""

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
from recommender.places.heard import MOST_HEARD, MOST_STORES, Heard, HeardLately, epoch_ms
from recommender.places.places import number_of
from tests.places import BERLIN, NOW, key_of, zone_id, zones_of

NUMBERS = st.integers(0, 2**64 - 1)
TIMES = st.integers(0, 600_000).map(lambda ago: epoch_ms(NOW) - ago)
LEVELS = st.integers(-1270, -1).map(lambda tenths: tenths / 10)
SIGHTINGS = st.builds(Heard, TIMES, NUMBERS, TIMES, LEVELS, st.integers(1, 255))


@given(st.lists(SIGHTINGS, max_size=80), st.dictionaries(NUMBERS, TIMES, max_size=MOST_STORES))
def test_a_state_comes_back_as_it_was(sightings: list[Heard], stores: dict[int, int]) -> None:
    state = HeardLately(stores=stores).with_sightings(sightings, NOW)
    assert unpack(pack(state)) == state
    assert len(state.sightings) <= MOST_HEARD


@given(st.binary(max_size=200))
def test_what_is_no_state_is_none(value: bytes) -> None:
    assert isinstance(unpack(value), HeardLately)
    assert unpack(b"\x02" + value) == HeardLately()


def test_of_two_who_write_at_once_one_reads_again(deployment: Settings) -> None:
    def state(beacon: int) -> HeardLately:
        return HeardLately().with_sightings([Heard(epoch_ms(NOW), beacon, epoch_ms(NOW), -60.0, 1)], NOW)

    async def main() -> None:
        async with connect(deployment) as redis:
            states = PresenceStates(redis)
            await states.forget("d")
            one, other = await states.read("d"), await states.read("d")
            assert one.state == HeardLately()
            assert await states.keep("d", one, state(1))
            assert not await states.keep("d", other, state(2))
            again = await states.read("d")
            assert again.state == state(1)
            assert await states.keep("d", again, again.state)
            assert await states.keep("d", again, state(2).with_store(7, epoch_ms(NOW), NOW))
            assert (await states.read("d")).state.stores == {7: epoch_ms(NOW)}
            left = timedelta(milliseconds=await redis.pttl(presence_of("d")))
            assert timedelta(0) < left <= timedelta(seconds=PRESENCE_SECONDS)
            await states.forget("d")
            assert (await states.read("d")).state == HeardLately()

    asyncio.run(main())


def test_a_person_is_told_what_is_kept_and_it_goes_with_them(deployment: Settings, tmp_path: Path) -> None:
    ann, phone = (USER_ID, "ann of presence"), (ANONYMOUS_ID, "app-17")  # of whom no other test leaves anything
    state = HeardLately().with_sightings(
        [Heard(epoch_ms(NOW), number_of(key_of("milk")), epoch_ms(NOW), -60.0, 1)], NOW
    )
    state = state.with_store(number_of(BERLIN.store_id), epoch_ms(NOW), NOW)

    async def keep() -> None:
        async with connect(deployment) as redis:
            states = PresenceStates(redis)
            for device in ("\n".join(ann), "app-17", "another"):
                assert await states.keep(device, Kept(HeardLately(), b""), state)

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
        assert redis.delete(presence_of("another")) == 1
