"""Commands that many callers share a connection for, on a real Valkey."""

import asyncio

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from features.online.connection import connect
from features.online.gathered_calls import GatheredCalls
from features.settings import Settings
from tests.contract.online.test_live_state import with_redis


def test_everybody_gets_their_own_answer_or_error_over_one_connection(valkey_data_dir):
    async def ask(redis: Redis) -> tuple[list[object], int]:
        calls, before = GatheredCalls(redis), (await redis.info("clients"))["connected_clients"]
        commands = [("SET", f"key-{i}", i) if i % 3 else ("INCR", "no-number") for i in range(30)]
        await redis.set("no-number", "a")
        found = await asyncio.gather(*(calls.call(*command) for command in commands), return_exceptions=True)
        assert [await calls.call("GET", f"key-{i}") for i in (1, 29)] == [b"1", b"29"]
        return found, (await redis.info("clients"))["connected_clients"] - before

    found, n_connections = with_redis(Settings(data_dir=valkey_data_dir), ask)
    assert [isinstance(one, ResponseError) for one in found] == [i % 3 == 0 for i in range(30)]
    assert n_connections == 1


def test_a_caller_that_gives_up_takes_nothing_from_the_others(valkey_data_dir):
    async def ask(redis: Redis) -> list[object]:
        calls = GatheredCalls(redis)
        given_up, kept = (asyncio.create_task(calls.call("INCR", "counted")) for _ in range(2))
        await asyncio.sleep(0)
        given_up.cancel()
        return [await kept, await calls.call("INCR", "counted")]

    first, second = with_redis(Settings(data_dir=valkey_data_dir), ask)
    assert second == first + 1


def test_a_connection_that_was_cut_is_made_anew(valkey_data_dir):
    async def ask(redis: Redis) -> object:
        calls = GatheredCalls(redis)
        await calls.call("SET", "key", "value")
        await redis.client_kill_filter(_type="normal", skipme=True)
        return await calls.call("GET", "key")

    assert with_redis(Settings(data_dir=valkey_data_dir), ask) == b"value"


def test_all_callers_hear_that_redis_is_not_there(tmp_path):
    async def ask() -> list[object]:
        redis = connect(Settings(data_dir=tmp_path))
        calls = GatheredCalls(redis)
        found = await asyncio.gather(*(calls.call("PING") for _ in range(3)), return_exceptions=True)
        await redis.aclose()
        return found

    found = asyncio.run(ask())
    assert all(isinstance(error, (RedisError, OSError)) for error in found)
    assert len(found) == 3
