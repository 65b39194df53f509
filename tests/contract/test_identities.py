"""A worker recognises who is behind events: on a real database and a real Valkey."""

import asyncio
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis
from sqlalchemy import Engine

from features.identity import Occasion, Presented
from features.identity_rules import IdentityRules
from features.online.embedded import EmbeddedValkey
from features.online.live_state import LiveState
from features.sql.changes import read_changes
from features.sql.identity_store import IdentityStore
from recommender.ids import AnonymousId, UserId
from serving.identities import Identities

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
N = 40


@pytest.mark.usefixtures("valkey_data_dir")
def test_a_crowd_that_logs_in_at_once_shares_transactions(engine: Engine, valkey: EmbeddedValkey) -> None:
    store = IdentityStore(engine, IdentityRules())
    before = read_changes(engine, 0).change_number
    shown = [Presented(UserId(f"user-{n}"), AnonymousId(f"device-{n}")) for n in range(N)]
    strangers = [Presented(None, AnonymousId(f"visitor-{n}")) for n in range(N)]

    async def announce() -> None:
        """No other worker follows."""

    async def crowd() -> list[list[tuple[UserId, ...]]]:
        async with Redis(unix_socket_path=str(valkey.socket)) as redis:
            identities = Identities(store, LiveState(redis), announce, lambda _: False, lambda: 0, lambda: NOW)
            calls = [[login, stranger] for login, stranger in zip(shown, strangers, strict=True)]
            occasions = [Occasion("m", NOW)] * 2
            return await asyncio.gather(*(identities.recognise(one, [True, True], occasions) for one in calls))

    assert asyncio.run(crowd()) == [[(UserId(f"user-{n}"),), ()] for n in range(N)]
    assert [person.users for person in store.know(shown, NOW)] == [(UserId(f"user-{n}"),) for n in range(N)]
    assert read_changes(engine, 0).change_number - before < N / 4
