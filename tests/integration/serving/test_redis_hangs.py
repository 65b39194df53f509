"""A Redis that takes calls and answers none, or no more events: what needs it says so, and nothing is half done."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from redis import Redis

from features.events.drain import drain
from features.events.log import scan_events
from features.events.schema import OFFER_DECIDED
from features.online.embedded import EmbeddedValkey
from features.online.keys import EVENT_STREAM_BYTES
from tests.integration.serving.aisle import AGREED, Aisle
from tests.integration.serving.shop import Client

NEW = count()
Call = Callable[[Aisle, Client], Awaitable[httpx.Response]]


@pytest.fixture
def aisle(own_valkey: EmbeddedValkey, tmp_path: Path) -> Aisle:
    shop = Aisle(tmp_path, redis_url=f"unix://{own_valkey.socket}", redis_deadline_ms=50)
    shop.publish("a1")
    return shop


async def post(aisle: Aisle, client: Client, path: str, body: dict[str, Any]) -> httpx.Response:
    headers = aisle.secret_headers() | {"Idempotency-Key": f"key-{next(NEW)}"}
    return await client.post(path, json=body, headers=headers)


async def ask_for_offers(aisle: Aisle, client: Client) -> httpx.Response:
    return await post(aisle, client, "/v1/offers/request", aisle.body(aisle.sighting("bread")))


async def preview_offers(aisle: Aisle, client: Client) -> httpx.Response:
    return await post(aisle, client, "/v1/offers/request", aisle.body(aisle.sighting("bread"), dry_run=True))


async def send_events(aisle: Aisle, client: Client) -> httpx.Response:
    event = {"type": "track", "event": "Product Viewed", "messageId": f"m-{next(NEW)}", "userId": "viewer",
             "properties": {"product_id": "i1"}, "context": {"consent": {"categoryPreferences": AGREED}}}  # fmt: skip
    return await post(aisle, client, "/v1/batch", {"batch": [event]})


async def withdraw(aisle: Aisle, client: Client) -> httpx.Response:
    said = {"user_id": "ann", "purpose": "personalisation", "entry_id": f"entry-{next(NEW)}", "state": "withdrawn",
            "source": {"channel": "app"}}  # fmt: skip
    return await post(aisle, client, "/v1/consents", {"consents": [said]})


async def read_a_trace(aisle: Aisle, client: Client) -> httpx.Response:
    return await client.get(f"/v1/decisions/{'0' * 32}", headers=aisle.secret_headers())


NEED_REDIS: list[Call] = [ask_for_offers, preview_offers, send_events, withdraw, read_a_trace]


@pytest.mark.parametrize("call", NEED_REDIS)
def test_what_needs_a_redis_that_hangs_is_refused_with_the_reason_and_without_asking_it(
    aisle: Aisle, own_valkey: EmbeddedValkey, call: Call
) -> None:
    async def use(client: Client) -> None:
        assert (await call(aisle, client)).status_code in {200, 202, 404}
        assert own_valkey.pid is not None
        os.kill(own_valkey.pid, signal.SIGSTOP)
        async with asyncio.timeout(30):
            while "known to be gone" not in (await call(aisle, client)).text:
                pass
            refused = [await call(aisle, client) for _ in range(40)]
        assert {one.status_code for one in refused} == {503}
        assert {one.json()["code"] for one in refused} == {"store_unavailable"}
        assert all(one.headers["retry-after"] for one in refused)
        assert all("known to be gone" in one.text for one in refused)
        assert any("Redis" in why for why in (await client.get("/readyz")).json()["degraded"])
        os.kill(own_valkey.pid, signal.SIGCONT)
        async with asyncio.timeout(30):
            while (await call(aisle, client)).status_code == 503:
                await asyncio.sleep(0.05)
        assert (await client.get("/readyz")).json()["degraded"] == []

    aisle.run(use)


def test_recommendations_and_tills_go_on_while_redis_hangs(aisle: Aisle, own_valkey: EmbeddedValkey) -> None:
    async def use(client: Client) -> None:
        assert own_valkey.pid is not None
        os.kill(own_valkey.pid, signal.SIGSTOP)
        for _ in range(20):
            body = {"placement": "home", "user_id": "regular", "consent": {"personalisation": True}}
            answer = await post(aisle, client, "/v1/recommendations", body)
            assert answer.json()["degraded"] == ["session", "consent"]
        assert (await client.get("/metrics")).status_code == 200
        os.kill(own_valkey.pid, signal.SIGCONT)

    aisle.run(use)


@pytest.mark.parametrize("outcome", ["no_offer", "offer"])
def test_a_decision_that_cannot_be_logged_is_not_told_again_and_again_without(
    aisle: Aisle, own_valkey: EmbeddedValkey, outcome: str
) -> None:
    redis, told = Redis(unix_socket_path=str(own_valkey.socket)), list[httpx.Response]()

    async def use(client: Client) -> None:
        if outcome == "offer":
            await aisle.ask(client, aisle.sighting("bread"))
            aisle.later(seconds=8)
        headers, body = aisle.secret_headers() | {"Idempotency-Key": "the same"}, aisle.body(aisle.sighting("bread"))
        for waiting in (2**40, 2**40, 0, 0):
            redis.set(EVENT_STREAM_BYTES, waiting)
            told.append(await client.post("/v1/offers/request", json=body, headers=headers))

    aisle.run(use)
    assert [one.status_code for one in told] == [503, 503, 200, 200]
    assert told[2].json() == told[3].json()
    assert told[2].json()["outcome"] == outcome
    drain(redis, aisle.settings)
    logged = scan_events(aisle.settings).filter(pl.col("event") == OFFER_DECIDED).collect()
    assert (logged["properties"].str.contains(f'"outcome":"{outcome}"')).sum() == 1
    assert aisle.n_coupons() == (outcome == "offer")
