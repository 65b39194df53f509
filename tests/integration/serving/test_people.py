"""One person across channels, over HTTP: what happens in the store moves the session online, in the same second."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.serving.shop import Client, Shop, serving

CONSENT = {"consent": {"categoryPreferences": {"personalisation": True}}}


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> Shop:
    shop = Shop(tmp_path, redis_url=f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}")
    shop.publish("a1")
    return shop


async def track(client: Client, event: str = "Product Viewed", *items: str, **who: Any) -> httpx.Response:
    body = {"event": event, "context": CONSENT, "properties": {"product_id": items[0]}, **who}
    if event == "Order Completed":
        products = [{"product_id": item} for item in items]
        body["properties"] = {"order_id": f"order of {items}", "products": products, "loyalty_card": who.pop("card")}
        body.pop("card")
    response = await client.post("/v1/track", json=body)
    assert response.status_code == 200, response.text
    return response


def test_what_an_anonymous_visitor_did_counts_at_once_after_login(shop: Shop) -> None:
    async def use(client: Client) -> None:
        await track(client, "Product Viewed", "i3", anonymousId="a-1")
        assert not (await client.recommend(user_id="ann"))["personalised"]
        await client.post("/v1/identify", json={"userId": "ann", "anonymousId": "a-1", "context": CONSENT})
        assert (await client.recommend(user_id="ann"))["personalised"]

    shop.run(use)


def test_a_purchase_with_a_card_in_the_store_moves_the_session_online(shop: Shop) -> None:
    async def use(client: Client) -> None:
        traits = {"loyalty_card": "47-11"}
        await client.post("/v1/identify", json={"userId": "ann", "traits": traits, "context": CONSENT})
        [bought, *_] = await client.shown("discover", user_id="ann")
        async with serving(shop.app()) as till:  # another worker
            await till.wait_until_ready()
            await track(till, "Order Completed", bought, anonymousId="till-9", card="4711")
        reply = await client.recommend("discover", user_id="ann", limit=38)
        assert reply["personalised"]
        assert bought not in [entry["item_id"] for entry in reply["items"]]

    shop.run(use)


def test_what_came_before_the_first_artifact_counts_once_there_is_one(valkey_data_dir: Path, tmp_path: Path) -> None:
    shop = Shop(tmp_path, redis_url=f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}")

    async def use(client: Client) -> None:
        reply = await track(client, "Product Viewed", "i3", userId="ann")
        assert "note" not in reply.json() or reply.json()["note"] is None
        assert (
            "not in the catalogue" in (await track(client, "Product Viewed", "nobody's", userId="bob")).json()["note"]
        )
        shop.publish("a1")
        await client.wait_until_ready()
        assert (await client.recommend(user_id="ann"))["personalised"]
        assert not (await client.recommend(user_id="bob"))["personalised"]

    shop.run(use, ready=False)


def test_a_second_user_of_a_device_neither_gets_nor_gives_history(shop: Shop) -> None:
    async def use(client: Client) -> None:
        await track(client, "Product Viewed", "i3", anonymousId="a-1", userId="ann")
        await client.post("/v1/identify", json={"userId": "bob", "anonymousId": "a-1", "context": CONSENT})
        assert not (await client.recommend(user_id="bob"))["personalised"]

    shop.run(use)
