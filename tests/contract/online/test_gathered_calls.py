"""Commands that many callers share a connection for, on a real Valkey."""

import asyncio
import os
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as NotInTime

from features.events.stream import EventStream
from features.identity import ANONYMOUS_ID
from features.ledger.idempotency import Call, Reply
from features.online.connection import connect
from features.online.gathered_calls import GatheredCalls
from features.online.gathered_reads import GatheredReads
from features.online.keys import OFFER_TURN_SECONDS
from features.online.offer_answers import OfferAnswers, Turn
from features.online.presence_states import Kept, PresenceStates
from features.settings import Settings
from recommender.errors import KeyReused, StillRunning
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
        given_up, kept = (asyncio.ensure_future(calls.call("INCR", "counted")) for _ in range(2))
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


def test_what_cannot_be_sent_is_told_to_its_caller_alone(valkey_data_dir):
    async def ask(redis: Redis) -> list[object]:
        calls, reads = GatheredCalls(redis), GatheredReads(redis)
        await calls.call("SET", "sent", "value")
        asked = [calls.call("GET", "sent"), calls.call("GET", "\ud800"), reads.get(["\ud800"]), reads.get(["sent"])]
        return await asyncio.gather(*asked, return_exceptions=True)

    first, cut, also_cut, last = with_redis(Settings(data_dir=valkey_data_dir), ask)
    assert (first, last) == (b"value", [b"value"])
    assert isinstance(cut, ValueError)
    assert isinstance(also_cut, ValueError)


def test_what_cannot_be_read_is_told_to_its_caller_alone(valkey_data_dir):
    async def ask(redis: Redis) -> list[object]:
        calls = GatheredCalls(redis)
        asked = [calls.call("ECHO", "1", read=int), calls.call("ECHO", "one", read=int), calls.call("ECHO", "2")]
        return await asyncio.gather(*asked, return_exceptions=True)

    first, unread, last = with_redis(Settings(data_dir=valkey_data_dir), ask)
    assert (first, last) == (1, b"2")
    assert isinstance(unread, ValueError)


def test_who_comes_while_redis_hangs_waits_no_longer_than_who_came_first(own_valkey):
    async def ask(redis: Redis) -> list[object]:
        assert own_valkey.pid is not None
        calls = GatheredCalls(redis)
        await calls.call("SET", "counted", 0)
        os.kill(own_valkey.pid, signal.SIGSTOP)
        first = calls.call("INCR", "counted", seconds=0.3)
        await asyncio.sleep(0.1)
        late = calls.call("INCR", "counted", seconds=30)
        outcomes = await asyncio.gather(first, late, return_exceptions=True)
        os.kill(own_valkey.pid, signal.SIGCONT)
        return [*map(type, outcomes), await calls.call("GET", "counted")]

    first, late, counted = with_redis(Settings(data_dir=own_valkey.folder.parent), ask)
    assert first is late is NotInTime
    assert counted in {b"0", b"1"}  # the late one was never sent


def test_what_was_answered_before_the_connection_was_cut_is_not_sent_again(valkey_data_dir):
    async def ask(redis: Redis) -> object:
        calls = GatheredCalls(redis)
        me = await calls.call("CLIENT", "ID")
        name, other = f"counted-{me}", f"other-{me}"
        cut = ("CLIENT", "KILL", "ID", me, "SKIPME", "no")  # answered, then closed; sent again it finds nobody
        asked = [("INCR", name), cut, ("INCR", other)]
        found = await asyncio.gather(*(calls.call(*one) for one in asked), return_exceptions=True)
        return found[0], await calls.call("GET", name), await calls.call("GET", other)

    first, counted, other = with_redis(Settings(data_dir=valkey_data_dir), ask)
    assert (first, counted, other) == (1, b"1", b"1")


def test_what_an_offer_asks_at_once_goes_over_one_connection(valkey_data_dir):
    async def ask(redis: Redis) -> int:
        before = (await redis.info("clients"))["connected_clients"]
        answers, presences, stream = OfferAnswers(redis), PresenceStates(redis), EventStream(redis)
        call, row = Call("caller", "/path", f"once-{id(redis)}", "d" * 64), {"event_id": f"once-{id(redis)}", "line": 0}
        now = datetime(2026, 11, 1, 12, tzinfo=UTC)
        asked = answers.begin(call, now), presences.read((ANONYMOUS_ID, "nobody"))
        turn, kept, is_new = await asyncio.gather(*asked, stream.append_once([[row | {"received_at": now}]]))
        assert isinstance(turn, Turn)
        assert (kept, is_new) == (Kept(), [True])
        return (await redis.info("clients"))["connected_clients"] - before

    assert with_redis(Settings(data_dir=valkey_data_dir), ask) == 1


def test_an_answer_that_comes_after_its_callers_were_told_is_nobody_elses(own_valkey):
    async def ask(redis: Redis) -> object:
        assert own_valkey.pid is not None
        calls = GatheredCalls(redis)
        await calls.call("SET", "late", "the late answer")
        os.kill(own_valkey.pid, signal.SIGSTOP)
        with pytest.raises(NotInTime):
            await calls.call("GET", "late", seconds=0.2)
        os.kill(own_valkey.pid, signal.SIGCONT)
        return await asyncio.gather(calls.call("SET", "next", "1"), calls.call("GET", "next"))

    assert with_redis(Settings(data_dir=own_valkey.folder.parent), ask) == [b"OK", b"1"]


def test_a_turn_is_one_callers_and_what_it_keeps_is_lost_once_another_has_it(deployment):
    async def use(redis: Redis) -> None:
        answers, call = OfferAnswers(redis), Call("caller", "/path", f"key-{id(redis)}", "d" * 64)
        now = datetime(2026, 11, 1, 12, tzinfo=UTC)
        late = now + timedelta(seconds=OFFER_TURN_SECONDS)
        first = await answers.begin(call, now)
        assert isinstance(first, Turn)
        assert not first.again
        with pytest.raises(StillRunning):
            await answers.begin(call, now)
        begun = await asyncio.gather(*(answers.begin(call, late) for _ in range(4)), return_exceptions=True)
        [second] = [one for one in begun if isinstance(one, Turn)]
        assert second.again
        await answers.keep(call, second, b"{}")
        await answers.give_up(call, first)  # too late to undo what is told by now
        found = await answers.begin(call, late)
        assert isinstance(found, Reply)
        assert found.body == b"{}"
        await answers.take_back(call, b"of another")
        assert await answers.begin(call, late) == found
        await answers.take_back(call, b"{}")
        third = await answers.begin(call, late)
        assert isinstance(third, Turn)
        assert third.again
        with pytest.raises(KeyReused):
            await answers.begin(replace(call, body_digest="e" * 64), late)

    with_redis(deployment, use)
