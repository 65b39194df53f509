"""What happens around the service while it answers: artifacts come and break, Redis goes, the catalogue changes."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from features.online.embedded import EmbeddedValkey
from tests.integration.serving.shop import Client, Shop, item_ids, serving


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> Shop:
    shop = Shop(tmp_path, redis_url=f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}")
    shop.publish("a1")
    return shop


async def until_hidden(client: Client, item_id: str) -> None:
    async with asyncio.timeout(10):
        while item_id in await client.shown("home", limit=39):
            await asyncio.sleep(0.01)


def test_a_new_artifact_is_swapped_in_under_load_without_a_failed_request(shop: Shop) -> None:
    async def use(client: Client) -> None:
        versions: list[str] = []
        done = asyncio.Event()

        async def ask() -> None:
            while not done.is_set():
                reply = await client.recommend(user_id="regular", limit=3)
                assert len(reply["items"]) == 3
                versions.append(reply["model_version"])

        asking = [asyncio.create_task(ask()) for _ in range(3)]
        await asyncio.to_thread(shop.publish, "a2", 1)
        await client.wait_until_ready("a2")
        await client.recommend()
        done.set()
        await asyncio.gather(*asking)
        assert set(versions) == {"a1", "a2"}
        assert versions == sorted(versions)

    shop.run(use)


def test_what_was_hidden_stays_hidden_through_a_swap_a_rollback_and_a_restart(shop: Shop) -> None:
    async def use(client: Client) -> None:
        [hidden, sold_out, *_] = await client.shown("home")
        await asyncio.to_thread(shop.publish, "a2", 1)
        await client.wait_until_ready("a2")
        await asyncio.to_thread(shop.change, hidden, hidden=True)
        await asyncio.to_thread(shop.change, sold_out, stock=0)
        await until_hidden(client, sold_out)
        await asyncio.to_thread(shop.shelf.rollback, "a1")
        await client.wait_until_ready("a1")
        assert not {hidden, sold_out} & set(await client.shown("home", limit=38))
        async with serving(shop.app()) as later:
            await later.wait_until_ready("a1")
            assert not {hidden, sold_out} & set(await later.shown("home", limit=38))

    shop.run(use)


def test_a_flip_over_http_holds_for_the_next_call_of_this_worker_and_soon_of_the_others(shop: Shop) -> None:
    async def use(client: Client) -> None:
        async with serving(shop.app()) as other:
            await other.wait_until_ready()
            [first, second, *_] = await client.shown("home")
            await client.patch("/v1/catalogue/stock", json={"lines": [{"item_id": first, "quantity": 0}]})
            assert first not in await client.shown("home", limit=39)
            await until_hidden(other, first)
            await client.delete(f"/v1/catalogue/items/{second}")
            assert second not in await client.shown("home", limit=38)
            await until_hidden(other, second)

    shop.run(use)


def test_a_new_item_can_be_recommended(shop: Shop) -> None:
    async def use(client: Client) -> None:
        body = {"title": "Fresh", "price": {"amount": 150, "currency": "EUR"}, "category": "category 1"}
        assert (await client.put("/v1/catalogue/items/fresh", json=body)).status_code == 200
        reply = await client.recommend("new", limit=5, filter="item.id == 'fresh'")
        assert item_ids(reply) == ["fresh"]

    shop.run(use)


def test_a_broken_artifact_never_replaces_a_good_one(shop: Shop) -> None:
    async def use(client: Client) -> None:
        broken = shop.publish("a2", 1)
        embeddings = broken / "embeddings.npy"
        embeddings.write_bytes(embeddings.read_bytes()[:-8])
        async with asyncio.timeout(20):
            while "recommender_artifacts_refused_total 1.0" not in (await client.get("/metrics")).text:
                await asyncio.sleep(0.02)
        assert (await client.recommend())["model_version"] == "a1"
        await asyncio.to_thread(shop.publish, "a3", 2)
        await client.wait_until_ready("a3")

    shop.run(use)


def test_a_service_that_starts_on_a_broken_artifact_answers_from_the_one_before(shop: Shop) -> None:
    broken = shop.publish("a2", 1)
    (broken / "embeddings.npy").unlink()

    async def use(client: Client) -> None:
        assert (await client.recommend())["model_version"] == "a1"

    shop.run(use)


def test_without_redis_the_answer_comes_from_the_artifact_and_recovers(
    own_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    shop = Shop(tmp_path)
    shop.publish("a1")

    async def use(client: Client) -> None:
        before = await client.recommend(user_id="regular", explain=True)
        assert (before["degraded"], before["personalised"]) == ([], True)
        await asyncio.to_thread(own_valkey.stop)
        gone = await client.recommend(user_id="regular", explain=True)
        assert gone["degraded"] == ["session", "consent", "trace"]
        assert not gone["personalised"]
        stranger = await client.recommend()
        assert (stranger["degraded"], item_ids(gone)) == ([], item_ids(stranger))
        trace = await client.get(f"/v1/decisions/{before['recommendation_id']}")
        assert (trace.status_code, trace.json()["code"]) == (503, "store_unavailable")
        assert (await client.get("/readyz")).status_code == 200
        flipped = item_ids(gone)[0]
        await asyncio.to_thread(shop.change, flipped, hidden=True)
        await until_hidden(client, flipped)
        await asyncio.to_thread(own_valkey.start)
        async with asyncio.timeout(10):
            while (await client.recommend(user_id="regular"))["degraded"]:
                await asyncio.sleep(0.02)

    shop.run(use)


def test_a_redis_that_hangs_costs_no_more_than_the_deadline(own_valkey: EmbeddedValkey, tmp_path: Path) -> None:
    shop = Shop(tmp_path, redis_deadline_ms=50)
    shop.publish("a1")

    async def use(client: Client) -> None:
        assert own_valkey.pid is not None
        os.kill(own_valkey.pid, signal.SIGSTOP)
        # Far beyond the deadline, far below the timeout of the connection: the deadline has cut it off.
        async with asyncio.timeout(1.5):
            late = await client.recommend(user_id="regular")
        assert late["degraded"] == ["session", "consent"]
        os.kill(own_valkey.pid, signal.SIGCONT)
        async with asyncio.timeout(10):
            while (await client.recommend(user_id="regular"))["degraded"]:
                await asyncio.sleep(0.02)

    shop.run(use)
