"""A store that is killed and comes back: calls fail at once while it is gone, one at a time tries, and all is well."""

import asyncio
import os
import signal
from time import sleep

import pytest
from sqlalchemy import Engine

from features.breaker import Breaker
from features.online.connection import connect
from features.online.embedded import EmbeddedValkey
from features.online.live_state import LiveState
from features.settings import Settings
from features.sql.engine import breaker_of, engine_of, read_change_number, reading
from loadtests.drills.postgres import postgres
from recommender.errors import StoreUnavailable
from recommender.ids import UserId
from serving.metrics import Metrics
from serving.recommendations.live_reader import LiveReader
from serving.recommendations.questions import Caller
from tests.conftest import postgresql
from tests.integration.serve.service import eventually

SOMEBODY = Caller(user_id=UserId("u"))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_live_state_is_not_asked_for_while_redis_is_gone_or_hangs(
    own_valkey: EmbeddedValkey, how: signal.Signals
) -> None:
    metrics, breaker = Metrics(), Breaker()

    def missed(cause: str) -> float:
        return metrics.registry.get_sample_value("recommender_live_state_misses_total", {"cause": cause}) or 0.0

    async def use() -> None:
        async with connect(Settings(data_dir=own_valkey.folder.parent)) as redis:
            reader = LiveReader(LiveState(redis), metrics, 0.05, lambda _: False, breaker)
            assert await reader.read(SOMEBODY) is not None
            assert own_valkey.pid is not None
            os.kill(own_valkey.pid, how)
            async with asyncio.timeout(10):
                while not breaker.is_open:
                    assert await reader.read(SOMEBODY) is None
                    await asyncio.sleep(0.01)
            asked = missed("late") + missed("gone")
            assert [await reader.read(SOMEBODY) for _ in range(200)] == [None] * 200
            assert missed("open") >= 190
            assert missed("late") + missed("gone") <= asked + 10
            if how is signal.SIGKILL:
                assert own_valkey.pid is None
                own_valkey.start()
            else:
                os.kill(own_valkey.pid, signal.SIGCONT)
            async with asyncio.timeout(10):
                while await reader.read(SOMEBODY) is None:
                    await asyncio.sleep(0.01)
            assert not breaker.is_open

    asyncio.run(use())


def test_postgresql_is_not_asked_while_it_is_gone() -> None:
    with postgres() as server:
        engine, turned = engine_of(server.url), list[bool]()
        breaker = breaker_of(engine)
        breaker.told = turned.append

        def read() -> str | None:
            try:
                with reading(engine) as connection:
                    read_change_number(connection)
            except StoreUnavailable as error:
                return str(error)
            return None

        assert read() is None
        server.end()
        eventually(lambda: read() is not None and breaker.is_open)
        read()  # may be the one that tries
        assert read() == "The database is known to be gone."
        server.start()
        eventually(lambda: read() is None)
        assert [read() for _ in range(20)] == [None] * 20
        assert turned == [True, False]
        engine.dispose()


def test_what_postgresql_refuses_does_not_count_as_gone() -> None:
    with postgresql() as url_of:
        engine = engine_of(url_of("postgres"))
        for _ in range(20):
            with pytest.raises(StoreUnavailable):
                _take_too_long(engine)
            sleep(0.02)
        assert not breaker_of(engine).is_open
        engine.dispose()


def _take_too_long(engine: Engine) -> None:
    with reading(engine) as connection:
        connection.exec_driver_sql("SET LOCAL statement_timeout = 1")
        connection.exec_driver_sql("SELECT pg_sleep(1)")
