"""Limits over several workers, on a real server."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from features.online.limits import SharedLimits
from recommender.errors import TooManyRequests
from serving.limits import Limits, Quota
from serving.lockout import Lockout

ADDRESS = "192.0.2.77"
QUOTA = Quota("address", ADDRESS, 100)
SECRET = b"the secret of this deployment"


@pytest.fixture
def run(valkey_data_dir: Path) -> Callable[[Callable[[Redis], Coroutine[Any, Any, None]]], None]:
    def run(use: Callable[[Redis], Coroutine[Any, Any, None]]) -> None:
        async def main() -> None:
            async with Redis(unix_socket_path=str(valkey_data_dir / "valkey" / "valkey.sock")) as redis:
                await use(redis)

        asyncio.run(main())

    return run


def take_all(limits: Limits) -> int:
    """How many requests pass until one does not."""
    passed = 0
    while True:
        try:
            limits.take([QUOTA])
        except TooManyRequests:
            return passed
        passed += 1


def test_workers_share_one_limit(run: Any):
    async def use(redis: Redis) -> None:
        first, second = (Limits(SharedLimits(redis), lambda: SECRET) for _ in range(2))
        assert 100 <= take_all(first) <= 101
        for _ in range(20):
            second.take([QUOTA])
        await first.share()
        await second.share()
        assert take_all(second) <= 2  # of the 80 that it would let through by itself

    run(use)


def test_redis_keeps_no_address_and_nothing_for_long(run: Any):
    async def use(redis: Redis) -> None:
        limits = Limits(SharedLimits(redis), lambda: SECRET)
        take_all(limits)
        guesses = Lockout(SharedLimits(redis), lambda: SECRET, "credentials", free=1)
        guesses.fail(ADDRESS)
        await limits.share()
        await guesses.share()
        keys = [key async for key in redis.scan_iter()]
        assert {key.split(b":")[0] for key in keys} == {b"limit", b"failures"}
        for key in keys:
            assert ADDRESS.encode() not in key
            assert 0 < await redis.ttl(key) <= 3_600
        await limits.share()  # nothing was taken since
        assert await redis.dbsize() == 2

    run(use)


def test_a_guesser_is_held_off_by_all_workers(run: Any):
    async def use(redis: Redis) -> None:
        first, second = (Lockout(SharedLimits(redis), lambda: SECRET, "coupons", free=3) for _ in range(2))
        for _ in range(3):
            first.fail("ann")
        await first.share()
        second.fail("ann")
        assert second.held_seconds("ann") == 0
        await second.share()
        assert second.held_seconds("ann") > 0

    run(use)


def test_all_workers_forget_a_guesser_an_hour_after_the_first_failure(run: Any):
    class Clock:
        seconds = 0.0

        def __call__(self) -> float:
            return self.seconds

    async def use(redis: Redis) -> None:
        clock = Clock()
        first, second = (Lockout(SharedLimits(redis), lambda: SECRET, "coupons", free=1, clock=clock) for _ in range(2))
        first.fail("ann")
        await first.share()
        [kept] = [key async for key in redis.scan_iter(b"failures*")]
        await redis.pexpire(kept, 600_000)  # fifty minutes later
        clock.seconds += 3_000
        for _ in range(3):
            second.fail("ann")
            await second.share()
        assert second.held_seconds("ann") > 0
        assert await redis.pttl(kept) <= 600_000
        clock.seconds += 601
        assert (second.failures("ann"), second.held_seconds("ann")) == (0, 0)
        await redis.delete(kept)
        second.fail("ann")
        await second.share()
        assert (second.failures("ann"), second.held_seconds("ann")) == (1, 0)

    run(use)
