import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from features.definitions import KEPT_EVENTS, KEPT_PLACE_BYTES
from features.online.connection import connect
from features.online.keys import LIVE_STATE_SECONDS, live_state_of_user, live_state_of_visitor
from features.online.live_events import LivePlace, PlaceKind
from features.online.live_state import LiveEvent, LiveEvents, LiveState
from features.online.live_value import RECORD_BYTES, pack, pack_shown, unpack
from features.settings import Settings
from recommender.ids import AnonymousId, ItemNumber, PlacementId, UserId
from recommender.shopper import EventKind
from recommender.shown import MOST_SHOWN, shown_on

T = TypeVar("T")
ANN = UserId("ann")
PHONE = AnonymousId("phone")

live_events = st.builds(
    LiveEvent,
    event_id=st.text(min_size=1, max_size=8),
    line=st.integers(0, 3),
    kind=st.sampled_from(EventKind),
    item_number=st.none() | st.integers(0, 2**31 - 1).map(ItemNumber),
    quantity=st.floats(0, 100),
    order_id=st.none() | st.text(max_size=3),
    occurred_ms=st.integers(1_790_000_000_000, 1_790_000_900_000),
)

live_places = st.builds(
    LivePlace,
    kind=st.sampled_from(PlaceKind),
    place_id=st.text(max_size=4) | st.just("é" * KEPT_PLACE_BYTES),  # the second is too long to be kept
    occurred_ms=st.integers(1_790_000_000_000, 1_790_000_000_005),
)


def with_redis(deployment: Settings, work: Callable[[Redis], Awaitable[T]]) -> T:
    async def run() -> T:
        redis = connect(deployment)
        try:
            await redis.flushall()
            return await work(redis)
        finally:
            await redis.aclose()

    return asyncio.run(run())


def as_rows(events: LiveEvents) -> list[tuple[float, int, int, float, int]]:
    columns = events.days, events.kinds, events.numbers, events.quantities, events.orders
    return list(zip(*(column.tolist() for column in columns), strict=True))


def view(i: int) -> LiveEvent:
    return LiveEvent(
        event_id=f"e{i}", line=0, kind=EventKind.VIEWED, item_number=ItemNumber(i + 1), quantity=1.0,
        occurred_ms=1_790_000_000_000 + i,
    )  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(live_events, max_size=150, unique_by=lambda e: (e.event_id, e.line)),
    st.lists(live_places, max_size=6),
    st.data(),
)
def test_repeats_order_and_batching_change_nothing(deployment, events, places, data):
    entries = [*events, *places]
    shuffled = data.draw(st.permutations(entries + entries[: len(entries) // 2]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=4)))
    batches = [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]

    async def both_ways(redis: Redis) -> tuple[LiveEvents, LiveEvents]:
        live = LiveState(redis)
        await live.apply(entries, user_id=ANN)
        for batch in batches:
            await live.apply(batch, user_id=UserId("bob"))
        return await live.read(ANN, None), await live.read(UserId("bob"), None)

    once, again = with_redis(deployment, both_ways)
    assert as_rows(once) == as_rows(again)
    assert once.places == again.places
    assert set(once.places) == {place.kind for place in places if len(place.place_id) < KEPT_PLACE_BYTES}
    assert as_rows(once) == as_rows(unpack([pack(entries)]))[:KEPT_EVENTS]


def test_newest_come_first_and_the_oldest_leave(deployment):
    async def overfill(redis: Redis) -> tuple[LiveEvents, int]:
        live = LiveState(redis)
        await live.apply([view(i) for i in range(KEPT_EVENTS + 40)], anonymous_id=PHONE)
        for i in range(40, 50):
            await live.apply([view(KEPT_EVENTS + i)], anonymous_id=PHONE)
        return await live.read(None, PHONE), await redis.strlen(live_state_of_visitor(PHONE))

    events, n_bytes = with_redis(deployment, overfill)
    assert n_bytes == 1 + KEPT_EVENTS * RECORD_BYTES
    assert events.numbers.tolist() == list(range(KEPT_EVENTS + 50, 50, -1))
    assert events.days[0] == (1_790_000_000_000 + KEPT_EVENTS + 49) / 86_400_000.0


def test_an_event_known_under_both_identifiers_counts_once(deployment):
    async def log_in(redis: Redis) -> LiveEvents:
        live = LiveState(redis)
        await live.apply([view(0), view(1)], anonymous_id=PHONE)
        await live.apply([view(1), view(2)], user_id=ANN, anonymous_id=PHONE)
        return await live.read(ANN, PHONE)

    assert with_redis(deployment, log_in).numbers.tolist() == [3, 2, 1]


def test_nobody_and_strangers_have_no_events(deployment):
    async def read(redis: Redis) -> tuple[LiveEvents, LiveEvents]:
        live = LiveState(redis)
        return await live.read(None, None), await live.read(UserId("nobody"), PHONE)

    assert [len(events) for events in with_redis(deployment, read)] == [0, 0]


def test_a_shopper_is_small_and_forgotten_after_a_while(deployment):
    async def measure(redis: Redis) -> tuple[int, int]:
        await LiveState(redis).apply([view(i) for i in range(20)], user_id=ANN)
        key = live_state_of_user(ANN)
        return await redis.memory_usage(key), await redis.ttl(key)

    n_bytes, ttl_seconds = with_redis(deployment, measure)
    assert n_bytes <= 512
    assert 0 < ttl_seconds <= LIVE_STATE_SECONDS


def test_what_was_shown_lies_beside_the_events_and_the_later_word_on_it_counts(deployment: Settings):
    most = shown_on(PlacementId("home"), range(2**31 - 1, 2**31 - 1 - MOST_SHOWN, -1), 20_000)
    fewer = shown_on(PlacementId("home"), [7, 9], 20_001)
    key, start = live_state_of_user(ANN), 20_000 * 86_400_000

    async def work(redis: Redis) -> tuple[LiveEvents, LiveEvents]:
        live = LiveState(redis)
        await live.apply([view(1)], ANN)
        await live.merge({key: pack_shown(most, start + 5, 0)})
        first = await live.read(ANN, None)
        await live.merge({key: pack_shown(fewer, start + 86_400_000, 0)})
        await live.merge({key: pack_shown(most, start + 5, 0)})  # comes late, and once more
        return first, await live.read(ANN, None)

    first, second = with_redis(deployment, work)
    assert len(first) == len(second) == 1
    assert (first.shown.day, sorted(first.shown.numbers.tolist())) == (20_000, sorted(most.numbers.tolist()))
    assert (second.shown.day, second.shown.numbers.tolist(), second.shown.days.tolist()) == (20_001, [7, 9], [1, 1])


def test_what_was_shown_goes_with_all_the_rest_when_a_shopper_refuses(deployment: Settings):
    shown, key = shown_on(PlacementId("home"), [7], 20_000), live_state_of_user(ANN)

    async def work(redis: Redis) -> LiveEvents:
        live = LiveState(redis)
        await live.merge({key: pack_shown(shown, 1_790_000_000_000, 4)})
        await live.empty([key], 5)
        await live.merge({key: pack_shown(shown, 1_790_000_000_001, 4)})  # of a worker that knows less of the ledger
        return await live.read(ANN, None)

    assert len(with_redis(deployment, work).shown) == 0


def test_showing_a_list_keeps_nothing_longer_of_what_a_silent_shopper_did(deployment: Settings):
    key, of_phone, day = live_state_of_user(ANN), live_state_of_visitor(PHONE), 86_400
    update = pack_shown(shown_on(PlacementId("home"), [7], 20_000), 20_000 * 86_400_000, 4)

    async def work(redis: Redis) -> tuple[int, int, int, LiveEvents]:
        live = LiveState(redis)
        await live.apply_all({key: [view(1)]}, 4)
        await redis.expire(key, day)
        await live.merge({key: update, of_phone: update})
        left, of_new = await redis.ttl(key), await redis.ttl(of_phone)
        shown = await live.read(ANN, None)
        await live.apply_all({key: [view(2)]}, 4)
        return left, of_new, await redis.ttl(key), shown

    left, of_new, after_an_event, shown = with_redis(deployment, work)
    assert 0 < left <= day
    assert day < of_new <= LIVE_STATE_SECONDS
    assert day < after_an_event <= LIVE_STATE_SECONDS
    assert (shown.numbers.tolist(), shown.shown.numbers.tolist()) == ([2], [7])
