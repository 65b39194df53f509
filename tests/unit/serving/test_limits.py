"""How often a caller may call, and who is held off: what must hold whatever the moments are."""

import asyncio
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as Gone

from features.online.limits import SharedLimits
from recommender.errors import TooManyRequests
from serving.limits import MOST_CALLERS, WINDOW_SECONDS, Limits, Quota
from serving.lockout import LONGEST_HOLD_SECONDS, Lockout
from serving.rates import address_of


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


class NoRedis(SharedLimits):
    """A Redis that is gone."""

    def __init__(self) -> None:
        super().__init__(Redis())

    async def advance(self, taken: Mapping[str, float]) -> list[float]:
        raise Gone

    async def count(self, failures: Mapping[str, int]) -> list[tuple[int, float]]:
        raise Gone


def limits_at(clock: Clock) -> Limits:
    return Limits(NoRedis(), lambda: b"secret", clock)


def passes(limits: Limits, *quotas: Quota, cost: int = 1) -> bool:
    try:
        limits.take(quotas, cost)
    except TooManyRequests:
        return False
    return True


@given(st.integers(1, 50), st.lists(st.floats(0, 30), max_size=80))
def test_what_passes_in_any_time_is_one_full_limit_and_what_came_back(per_minute: int, pauses: list[float]):
    clock = Clock()
    limits, quota, passed_at = limits_at(clock), Quota("key", "k", per_minute), list[float]()
    for pause in pauses:
        clock.seconds += pause
        if passes(limits, quota):
            passed_at.append(clock.seconds)
    for first, began in enumerate(passed_at):
        for last in range(first, len(passed_at)):
            came_back = per_minute * (passed_at[last] - began) / WINDOW_SECONDS
            assert last - first + 1 <= per_minute + came_back + 1e-6


@given(st.integers(1, 100), st.integers(1, 200))
def test_after_the_wait_it_says_a_refused_request_passes(per_minute: int, cost: int):
    clock = Clock()
    limits, quota = limits_at(clock), Quota("key", "k", per_minute)
    while passes(limits, quota, cost=cost):
        pass
    with pytest.raises(TooManyRequests) as caught:
        limits.take([quota], cost)
    clock.seconds += caught.value.retry_after_seconds + 1e-6
    assert passes(limits, quota, cost=cost)


def test_a_refused_request_uses_nothing_up_of_the_other_limits():
    limits = limits_at(Clock())
    small, large = Quota("address", "a", 1), Quota("key", "k", 2)
    assert passes(limits, large, small)
    assert not passes(limits, large, small)
    assert passes(limits, large)
    assert not passes(limits, large)


def test_the_headers_tell_what_is_left_of_the_tightest_limit():
    limits = limits_at(Clock())
    headers = dict(limits.take([Quota("key", "k", 100), Quota("address", "a", 10)]))
    assert headers == {b"ratelimit-policy": b'"address";q=10;w=60', b"ratelimit": b'"address";r=9;t=6'}


def test_however_many_call_memory_is_bounded_and_the_busiest_stay_limited():
    limits = limits_at(Clock())
    busy = Quota("address", "busy", 2)
    assert passes(limits, busy)
    assert passes(limits, busy)
    for number in range(MOST_CALLERS + 10):
        limits.take([Quota("address", str(number), 100)])
    assert not passes(limits, busy)
    assert len(limits._uses) <= MOST_CALLERS


def test_without_redis_the_limit_holds_and_nothing_counted_is_lost():
    limits = limits_at(Clock())
    quota = Quota("key", "k", 2)
    limits.take([quota])
    for _ in range(2):
        with pytest.raises(Gone):
            asyncio.run(limits.share())
    assert passes(limits, quota)
    assert not passes(limits, quota)


def test_each_wrong_guess_waits_twice_as_long_until_an_hour_forgets_them_all():
    clock = Clock()
    lockout, waits = Lockout(NoRedis(), lambda: b"secret", "coupons", free=2, clock=clock), list[float]()
    for _ in range(15):
        lockout.fail("key", "ann")
        waits.append(lockout.held_seconds("key", "ann"))
        clock.seconds += waits[-1]
        assert lockout.held_seconds("key", "ann") == 0
    assert waits == [
        0,
        0,
        1,
        2,
        4,
        8,
        16,
        32,
        64,
        128,
        256,
        512,
        LONGEST_HOLD_SECONDS,
        LONGEST_HOLD_SECONDS,
        3_600 - 1_023 - 2 * LONGEST_HOLD_SECONDS,
    ]
    assert lockout.held_seconds("key", "bob") == 0
    lockout.fail("key", "ann")
    assert (lockout.failures("key", "ann"), lockout.held_seconds("key", "ann")) == (1, 0)


def test_slips_that_come_one_by_one_never_add_up():
    clock = Clock()
    lockout = Lockout(NoRedis(), lambda: b"secret", "coupons", free=2, clock=clock)
    for _ in range(100):
        lockout.fail("key")
        clock.seconds += 1_900
        assert lockout.failures("key") <= 2
        assert lockout.held_seconds("key") == 0


def test_of_ipv6_one_household_counts_as_one_address():
    assert address_of(("2001:db8:1:2::1", 5)) == address_of(("2001:db8:1:2:ffff::9", 5))
    assert address_of(("2001:db8:1:3::1", 5)) != address_of(("2001:db8:1:2::1", 5))
    assert address_of(("::ffff:192.0.2.7", 5)) == address_of(("192.0.2.7", 5)) == "192.0.2.7"
    assert address_of(None) == ""
