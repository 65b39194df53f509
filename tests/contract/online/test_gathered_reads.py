"""Reads that many callers share, on a real Valkey."""

import asyncio

from redis.asyncio import Redis
from redis.exceptions import RedisError

from features.online.gathered_reads import GatheredReads
from features.settings import Settings
from tests.contract.online.test_live_state import with_redis


async def n_reads(redis: Redis) -> int:
    return (await redis.info("commandstats")).get("cmdstat_mget", {"calls": 0})["calls"]


def test_everybody_gets_their_own_values_and_few_commands_are_sent(valkey_data_dir):
    async def read(redis: Redis) -> tuple[list[object], int]:
        await redis.mset({f"key-{i}": f"value-{i}" for i in range(0, 40, 2)})
        reads, before = GatheredReads(redis), await n_reads(redis)
        found = await asyncio.gather(*(reads.get([f"key-{i}", f"key-{i + 1}"][: 1 + i % 2]) for i in range(38)))
        return found, await n_reads(redis) - before

    found, n_commands = with_redis(Settings(data_dir=valkey_data_dir), read)
    values = [None if i % 2 else f"value-{i}".encode() for i in range(40)]
    assert found == [[values[i], values[i + 1]][: 1 + i % 2] for i in range(38)]
    assert n_commands <= 2


def test_a_caller_that_gives_up_takes_nothing_from_the_others(valkey_data_dir):
    async def read(redis: Redis) -> tuple[object, object]:
        await redis.set("key", "value")
        reads = GatheredReads(redis)
        given_up, kept = (asyncio.create_task(reads.get(["key"])) for _ in range(2))
        await asyncio.sleep(0)
        given_up.cancel()
        return await kept, await reads.get(["key"])

    assert with_redis(Settings(data_dir=valkey_data_dir), read) == ([b"value"], [b"value"])


def test_all_callers_hear_of_a_failure_and_the_next_read_tries_again(valkey_data_dir):
    async def read(redis: Redis) -> tuple[list[object], object]:
        await redis.set("key", "value")
        reads = GatheredReads(redis)
        await redis.execute_command("ACL", "SETUSER", "default", "-mget")
        try:
            failed = await asyncio.gather(*(reads.get(["key"]) for _ in range(3)), return_exceptions=True)
        finally:
            await redis.execute_command("ACL", "SETUSER", "default", "+mget")
        return failed, await reads.get(["key"])

    failed, again = with_redis(Settings(data_dir=valkey_data_dir), read)
    assert all(isinstance(error, RedisError) for error in failed)
    assert again == [b"value"]
