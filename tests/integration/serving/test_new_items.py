"""A new item over HTTP: recommended before any training knows it."""

import asyncio
from pathlib import Path

import pytest

from tests.builders import NOW_DAY, item
from tests.integration.serving.shop import NOW, Client, Shop, item_ids

NEW_ITEM = {"title": "New blend", "price": {"amount": 499, "currency": "EUR"}, "category": "category 2", "brand": "own"}


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> Shop:
    """A shop of its own that shares the running Valkey."""
    shop = Shop(tmp_path, redis_url=f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}")
    shop.publish("a1")
    return shop


async def shown_soon(client: Client, item_id: str, /, **body: str) -> dict[str, str]:
    """The entry of an item in the list for `body`, as soon as it is there; 10 s are waited at most."""
    async with asyncio.timeout(10):
        while True:
            reply = await client.recommend(**body)
            if item_id in item_ids(reply):
                return next(entry for entry in reply["items"] if entry["item_id"] == item_id)
            await asyncio.sleep(0.05)


def test_a_new_item_is_recommended_by_its_kind_at_once(shop: Shop) -> None:
    view = {
        "event": "Product Viewed", "anonymousId": "newcomers", "properties": {"product_id": "i7"},
        "timestamp": NOW.isoformat(), "context": {"consent": {"categoryPreferences": {"personalisation": True}}},
    }  # fmt: skip

    async def use(client: Client) -> None:
        assert (await client.post("/v1/track", json=view)).status_code == 200
        assert (await client.put("/v1/catalogue/items/blend", json=NEW_ITEM)).status_code == 200
        entry = await shown_soon(client, "blend", placement="home", anonymous_id="newcomers")
        assert entry["source"] == "newcomers"
        assert entry["reason"] == "New in category 2, which you are looking at"
        assert "blend" not in await client.shown("home", anonymous_id="looks at nothing")
        assert "blend" in item_ids((await client.get("/v1/items/i7/similar")).json())
        assert "blend" not in item_ids((await client.get("/v1/items/i8/similar")).json())

    shop.run(use)


def test_a_worker_that_did_not_take_the_item_in_recommends_it_too(shop: Shop) -> None:
    async def use(client: Client) -> None:
        shop.catalogue.put(item(7, item_id="blend", group_id="blend", added_day=NOW_DAY - 0.1))
        await shown_soon(client, "blend", placement="product", item_id="i7")

    shop.run(use)
