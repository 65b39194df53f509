"""Every call to Redis: ended when Redis hangs, not made when that is known, and not made up for by who gave up."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from features.events.stream import EventStream
from features.identity import ANONYMOUS_ID
from features.ledger.idempotency import Call
from features.online.connection import connect
from features.online.embedded import EmbeddedValkey
from features.online.gathered_calls import GatheredCalls
from features.online.in_time import line_to
from features.online.limits import SharedLimits
from features.online.live_state import LiveState
from features.online.mail_clicks import MailClicks
from features.online.offer_answers import OfferAnswers
from features.online.presence_states import Kept, PresenceStates
from features.settings import Settings
from recommender.errors import StoreUnavailable
from recommender.ids import RecommendationId
from recommender.places.heard import Heard, HeardLately
from serving.catalogue.change_signal import ChangeSignal
from serving.decisions.store import DecisionTraces

NOW = datetime(2026, 11, 1, tzinfo=UTC)
WHO = (ANONYMOUS_ID, "phone")
HEARD = HeardLately((Heard(1, 1, 1, -60.0, 1),))
ROW: dict[str, object] = {"event_id": "e", "line": 0, "received_at": NOW}

CALLS: dict[str, Callable[[Redis], Awaitable[object]]] = {
    "an answer to offers": lambda redis: OfferAnswers(redis).begin(Call("c", "/", "k", "d"), NOW),
    "presence": lambda redis: PresenceStates(redis).read(WHO),
    "keeping presence": lambda redis: PresenceStates(redis).keep(WHO, None, Kept(read=b"x"), HEARD),
    "emptying presence": lambda redis: PresenceStates(redis).empty([WHO], 1),
    "merging": lambda redis: LiveState(redis).merge({"k": b"v"}),
    "copying": lambda redis: LiveState(redis).copy([("a", "b")]),
    "emptying": lambda redis: LiveState(redis).empty(["k"], 1),
    "forgetting places": lambda redis: LiveState(redis).forget_places(["k"], 1),
    "forgetting": lambda redis: LiveState(redis).forget(["k"]),
    "appending": lambda redis: EventStream(redis).append_once([[ROW]]),
    "looking at the stream": lambda redis: EventStream(redis).backlog(),
    "reading a trace": lambda redis: DecisionTraces(redis).read(RecommendationId("r")),
    "keeping a trace": lambda redis: DecisionTraces(redis).keep(RecommendationId("r"), b"{}"),
    "a click": lambda redis: MailClicks(redis).note("m", "l", 1.0),
    "clicks": lambda redis: MailClicks(redis).count([("m", 1.0)]),
    "an opening": lambda redis: MailClicks(redis).is_first_opening("m", "person"),
    "limits": lambda redis: SharedLimits(redis).advance({"a": 1.0}),
    "guesses": lambda redis: SharedLimits(redis).count({"a": 1}),
}


@pytest.fixture
def settings(own_valkey: EmbeddedValkey) -> Settings:
    return Settings(data_dir=own_valkey.folder.parent)


def send(server: EmbeddedValkey, signal_number: signal.Signals) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal_number)


def test_no_call_is_made_that_a_redis_which_is_gone_would_not_answer(settings: Settings) -> None:
    async def use() -> None:
        async with connect(settings) as redis:
            breaker = line_to(redis).breaker
            for _ in range(10):
                breaker.failed()
                await asyncio.sleep(0.03)
            assert breaker.is_open
            for name, call in CALLS.items():
                with pytest.raises((RedisError, StoreUnavailable)) as refused:
                    await call(redis)
                assert "known to be gone" in str(refused.value), name
            await ChangeSignal(redis).announce()

    asyncio.run(use())


def test_a_call_to_a_redis_that_hangs_ends_and_says_so(settings: Settings, own_valkey: EmbeddedValkey) -> None:
    async def use() -> None:
        async with connect(settings) as redis:
            send(own_valkey, signal.SIGSTOP)
            made = [asyncio.create_task(_outcome(call(redis))) for call in CALLS.values()]
            async with asyncio.timeout(20):
                outcomes = dict(zip(CALLS, await asyncio.gather(*made), strict=True))
            assert {name for name, said in outcomes.items() if "no answer within" not in said} == set()
            assert line_to(redis).breaker.is_open

    asyncio.run(use())


async def _outcome(asked: Awaitable[object]) -> str:
    try:
        return repr(await asked)
    except (RedisError, StoreUnavailable) as error:
        return str(error)


def test_what_redis_refuses_does_not_count_as_gone(settings: Settings) -> None:
    async def use() -> None:
        async with connect(settings) as redis:
            line = line_to(redis)
            for _ in range(10):
                with pytest.raises(ResponseError):
                    async with line.in_time():
                        await redis.execute_command("NONSENSE")
                await asyncio.sleep(0.03)
            assert not line.breaker.is_failing

    asyncio.run(use())


def test_who_gave_up_before_the_command_was_sent_is_not_served_afterwards(
    settings: Settings, own_valkey: EmbeddedValkey
) -> None:
    async def use() -> None:
        async with connect(settings) as redis:
            calls = GatheredCalls(redis)
            await calls.call("SET", "before", "1")
            send(own_valkey, signal.SIGSTOP)
            under_way = calls.call("SET", "under way", "1")
            await asyncio.sleep(0.05)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await calls.call("SET", "given up", "1")
            send(own_valkey, signal.SIGCONT)
            await under_way
            await calls.call("SET", "after", "1")
            assert sorted(await redis.keys()) == [b"after", b"before", b"under way"]

    asyncio.run(use())
