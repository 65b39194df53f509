"""A withdrawal holds from the moment it is acknowledged, at workers too that have not heard of the change in SQL."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from features.online.keys import live_state_of_user, live_state_of_visitor
from recommender.ids import AnonymousId, UserId
from serving.catalogue.overlay import CatalogueOverlay
from tests.integration.serving.shop import NOW, Client, Shop, item_ids, serving

ANN = {"user_id": "ann", "anonymous_id": "phone"}
BOTH = {"userId": "ann", "anonymousId": "phone"}


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> Shop:
    shop = Shop(tmp_path, redis_url=f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}")
    shop.publish("a1")
    return shop


async def never_follow(_: CatalogueOverlay) -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def two_workers(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[tuple[Client, Client]]:
    """Two workers; of what changes then, the second hears of nothing but what it changes itself."""
    async with serving(shop.app()) as one:
        await one.wait_until_ready()
        await say(one, True, 0)
        await view(one, "i3", 1)
        with monkeypatch.context() as held:
            held.setattr(CatalogueOverlay, "follow", never_follow)
            async with serving(shop.app()) as other:
                await other.wait_until_ready()
                yield one, other


async def say(worker: Client, granted: bool, second: int) -> None:
    consent = {"consent": {"categoryPreferences": {"personalisation": granted}}}
    await track(worker, {"event": "Consent Updated", "context": consent}, second)


async def view(worker: Client, item: str, second: int) -> None:
    consent = {"consent": {"categoryPreferences": {"personalisation": True}}}
    await track(worker, {"event": "Product Viewed", "context": consent, "properties": {"product_id": item}}, second)


async def track(worker: Client, event: dict[str, Any], second: int) -> None:
    """Send what both identifiers did in a second of the last minute."""
    named = {"messageId": f"m{second}", "timestamp": (NOW - timedelta(seconds=60 - second)).isoformat()}
    reply = await worker.post("/v1/track", json=event | named | BOTH)
    assert reply.status_code == 200, reply.text


def kept(shop: Shop) -> list[bytes]:
    """What live state keeps of the shopper: the values under both identifiers."""
    with Redis.from_url(str(shop.settings.redis_url)) as redis:
        keys = live_state_of_user(UserId("ann")), live_state_of_visitor(AnonymousId("phone"))
        values: list[Any] = redis.mget(keys)
    return [value for value in values if value is not None]


def test_it_holds_at_a_worker_that_has_not_heard_of_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with two_workers(shop, monkeypatch) as (one, other):
            before = await other.recommend(**ANN)
            assert (before["personalised"], before["degraded"]) == (True, [])
            await say(one, False, 2)
            stranger = item_ids(await other.recommend())
            for worker in (one, other):
                for who in (ANN, {"user_id": "ann"}, {"anonymous_id": "phone"}):
                    shown = await worker.recommend(**who)
                    assert (shown["personalised"], item_ids(shown)) == (False, stranger)
            empty = kept(shop)
            await view(other, "i5", 3)  # which the held back worker still takes to be allowed
            await view(one, "i5", 4)
            assert kept(shop) == empty
            assert not (await other.recommend(**ANN))["personalised"]
            await say(one, True, 5)
            assert not (await one.recommend(anonymous_id="phone"))["personalised"]  # what was before is gone
            await view(one, "i7", 6)
            assert (await one.recommend(**ANN))["personalised"]
            assert not (await other.recommend(**ANN))["personalised"]  # not until it has heard of it

    asyncio.run(main())


def test_a_flush_of_redis_brings_nothing_back(shop: Shop) -> None:
    async def use(client: Client) -> None:
        await say(client, True, 0)
        await view(client, "i3", 1)
        await say(client, False, 2)
        with Redis.from_url(str(shop.settings.redis_url)) as redis:
            await asyncio.to_thread(redis.flushall)
        await view(client, "i3", 7)
        assert not (await client.recommend(**ANN))["personalised"]
        assert kept(shop) == []

    shop.run(use)
