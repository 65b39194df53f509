"""The room of a store is looked at once for all who ask within a moment, and anew when it was wrong."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, event

from features.ledger.ledger import Ledger
from features.ledger.values import Allowance
from features.sql.engine import engine_of
from recommender.errors import StoreUnavailable
from recommender.offers.refusal import Refusal
from serving.offers import rooms as module
from serving.offers.rooms import Rooms
from tests.databases import new_sqlite

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def allow(engine: Engine, state: str) -> None:
    stated = {"campaign_id": "c", "version": 1, "state": state, "timezone": "UTC", "currency": "EUR"}
    Ledger(engine, lambda: b"s" * 32, lambda: NOW).allow(Allowance(**stated))  # pyright: ignore[reportArgumentType] - by name


async def refused(rooms: Rooms, *campaigns: str) -> dict[str, Refusal]:
    return (await rooms.at("s1", campaigns)).refused(dict.fromkeys(campaigns, 10), "shopper", "", {})


def test_a_look_is_shared_for_a_moment_and_made_anew_when_it_was_wrong(
    engine: Engine, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check() -> None:
        monkeypatch.setattr(module, "LOOKED_AT_EVERY", 60.0)
        allow(engine, "open")
        rooms, looks = Rooms(engine, threads, lambda: NOW), list[str]()
        event.listen(engine, "checkout", lambda *_: looks.append("look"))
        assert await asyncio.gather(*(refused(rooms, "c") for _ in range(5))) == [{}] * 5
        allow(engine, "closed")
        looks.clear()
        assert (await refused(rooms, "c"), looks) == ({}, [])  # a moment old: whoever issues makes sure
        rooms.forget("s1")
        assert await refused(rooms, "c") == {"c": Refusal.KILLED}
        assert await refused(rooms, "c", "other") == {"c": Refusal.KILLED, "other": Refusal.KILLED}
        assert looks == ["look"] * 2

    asyncio.run(check())


def test_a_look_is_made_anew_after_its_time(
    engine: Engine, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check() -> None:
        monkeypatch.setattr(module, "LOOKED_AT_EVERY", 0.0)
        allow(engine, "open")
        rooms = Rooms(engine, threads, lambda: NOW)
        assert await refused(rooms, "c") == {}
        allow(engine, "closed")
        assert await refused(rooms, "c") == {"c": Refusal.KILLED}

    asyncio.run(check())


def test_a_look_that_failed_is_not_kept(tmp_path_factory: pytest.TempPathFactory, threads: ThreadPoolExecutor) -> None:
    async def check() -> None:
        engine = engine_of(new_sqlite(tmp_path_factory.mktemp("rooms")))
        allow(engine, "open")
        rooms = Rooms(engine, threads, lambda: NOW)
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE allowances RENAME TO gone")
        with pytest.raises(StoreUnavailable):
            await refused(rooms, "c")
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE gone RENAME TO allowances")
        assert await refused(rooms, "c") == {}
        engine.dispose()

    asyncio.run(check())
