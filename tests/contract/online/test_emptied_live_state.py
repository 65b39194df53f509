"""What a withdrawal leaves in live state, and what it keeps out, whoever writes before or after it."""

from redis.asyncio import Redis

from features.online.keys import LIVE_STATE_SECONDS, live_state_of_user, live_state_of_visitor
from features.online.live_events import LiveEvent, LiveEvents, LivePlace, PlaceKind
from features.online.live_state import LiveState
from features.settings import Settings
from recommender.ids import UserId
from tests.contract.online.test_live_state import ANN, PHONE, view, with_redis

KEY = live_state_of_user(ANN)
STORE = LivePlace(kind=PlaceKind.STORE, place_id="7", occurred_ms=1_790_000_000_000)


def numbers(events: LiveEvents) -> set[int]:
    return set(events.numbers.tolist())


def test_only_what_was_allowed_since_stays(deployment: Settings) -> None:
    async def work(redis: Redis) -> None:
        live = LiveState(redis)

        async def write(event: LiveEvent, allowed_at: int) -> LiveEvents:
            await live.apply_all({KEY: [event, STORE]}, allowed_at)
            return await live.read(ANN, PHONE)

        await write(view(0), 4)
        await live.empty([KEY], 6)
        left = await live.read(ANN, PHONE)
        assert (len(left), left.places, left.emptied_at) == (0, {}, 6)
        late = await write(view(1), 5)  # by a worker that has not heard of it, or from a note it left behind
        assert (len(late), late.places, late.emptied_at) == (0, {}, 6)
        again = await write(view(2), 8)
        assert (numbers(again), set(again.places), again.emptied_at) == ({3}, {PlaceKind.STORE}, 6)
        assert numbers(await write(view(3), 5)) == {3}
        assert numbers(await write(view(4), 7)) == {3, 5}
        await live.empty([KEY], 6)  # said again
        assert numbers(await live.read(ANN, PHONE)) == {3, 5}
        await live.empty([KEY], 8)
        assert (await live.read(ANN, PHONE)).emptied_at == 8
        assert numbers(await write(view(5), 7)) == set()
        assert 0 < await redis.ttl(KEY) <= LIVE_STATE_SECONDS

    with_redis(deployment, work)


def test_it_holds_where_nothing_was_kept_yet_and_for_either_identifier(deployment: Settings) -> None:
    async def work(redis: Redis) -> None:
        live = LiveState(redis)
        await live.empty([KEY, live_state_of_visitor(PHONE)], 3)
        await live.apply([view(0)], user_id=ANN, anonymous_id=PHONE)
        for who in [(ANN, None), (None, PHONE), (UserId("bob"), PHONE)]:
            found = await live.read(*who)
            assert (len(found), found.emptied_at) == (0, 3)

    with_redis(deployment, work)


def test_who_may_not_be_placed_keeps_their_session(deployment: Settings) -> None:
    async def work(redis: Redis) -> None:
        live, phone = LiveState(redis), live_state_of_visitor(PHONE)
        zone = LivePlace(kind=PlaceKind.ZONE, place_id="milk", occurred_ms=1_790_000_000_000)
        await live.apply_all({KEY: [view(0), STORE, zone]}, 4)
        await live.forget_places([KEY, phone], 6)
        left = await live.read(ANN, None)
        assert (numbers(left), left.places, left.emptied_at) == ({1}, {}, 0)
        await live.apply_all({KEY: [view(1), zone], phone: [zone]}, 5)  # by a worker that has not heard of it
        assert (numbers(await live.read(ANN, PHONE)), (await live.read(ANN, PHONE)).places) == ({1, 2}, {})
        await live.apply_all({KEY: [zone]}, 7)
        await live.forget_places([KEY], 6)  # said again
        assert set((await live.read(ANN, None)).places) == {PlaceKind.ZONE}
        await live.copy([(KEY, phone)], 5)
        assert (numbers(await live.read(None, PHONE)), (await live.read(None, PHONE)).places) == ({1, 2}, {})
        await live.empty([KEY], 8)
        await live.apply_all({KEY: [view(2), zone]}, 9)
        await live.forget_places([KEY], 10)
        again = await live.read(ANN, None)
        assert (numbers(again), again.places, again.emptied_at) == ({3}, {}, 8)

    with_redis(deployment, work)


def test_a_copy_takes_over_events_and_no_refusal(deployment: Settings) -> None:
    async def work(redis: Redis) -> None:
        live, phone = LiveState(redis), live_state_of_visitor(PHONE)
        await live.empty([phone], 3)
        await live.copy([(phone, KEY)], 9)
        assert not await redis.exists(KEY)
        await live.apply_all({phone: [view(0)]}, 5)
        await live.copy([(phone, KEY)], 2)
        assert not await redis.exists(KEY)
        await live.copy([(phone, KEY)], 9)
        taken = await live.read(ANN, None)
        assert (numbers(taken), taken.emptied_at) == ({1}, 0)
        await live.empty([KEY], 10)
        await live.copy([(phone, KEY)], 9)
        assert len(await live.read(ANN, None)) == 0

    with_redis(deployment, work)


def test_what_nobody_emptied_costs_no_byte_more(deployment: Settings) -> None:
    async def work(redis: Redis) -> None:
        live = LiveState(redis)
        await live.apply_all({KEY: [view(0)]}, 5)
        await live.apply([view(0)], user_id=UserId("bob"))
        assert await redis.get(KEY) == await redis.get(live_state_of_user(UserId("bob")))

    with_redis(deployment, work)
