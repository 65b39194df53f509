"""Recommendations over HTTP, with real stores: who gets what, and what consent means."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from features.sql.consent_store import ConsentStore
from recommender.consent import State
from tests.builders import said
from tests.integration.serving.shop import NOW, REGULAR, Client, Shop, item_ids, serving

PLACEMENTS = ["home", "discover", "product", "cart", "category", "post_purchase", "buy_again", "trending", "new"]
IN_CONTEXT = {"item_id": "i7", "category": "category 2", "cart": ["i8"], "store_id": "s1"}


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> Shop:
    """A shop of its own that shares the running Valkey."""
    socket = valkey_data_dir / "valkey" / "valkey.sock"
    shop = Shop(tmp_path, redis_url=f"unix://{socket}")
    shop.publish("a1")
    return shop


def click(item_id: str, event: str = "Product Viewed", *, consent: bool | None = True, **who: str) -> dict[str, Any]:
    categories = {} if consent is None else {"personalisation": consent}
    return {
        "type": "track", "event": event, "properties": {"product_id": item_id}, "timestamp": NOW.isoformat(),
        "context": {"consent": {"categoryPreferences": categories}}, **who,
    }  # fmt: skip


def test_every_placement_answers_everyone(shop: Shop) -> None:
    async def use(client: Client) -> None:
        for placement in PLACEMENTS:
            for who in ({}, {"user_id": REGULAR}, {"user_id": "never seen"}, {"anonymous_id": "never seen"}):
                reply = await client.recommend(placement, limit=3, **who, **IN_CONTEXT)
                shown = item_ids(reply)
                assert len(shown) == len(set(shown)) == 3, placement
                assert [entry["position"] for entry in reply["items"]] == [1, 2, 3]
                assert reply["model_version"] == "a1"
                assert reply["degraded"] == []
                assert not reply["personalised"] or who.get("user_id") == REGULAR, placement

    shop.run(use)


def test_the_same_question_in_the_same_state_gets_the_same_answer(shop: Shop) -> None:
    async def use(client: Client) -> None:
        replies = [await client.recommend(user_id=REGULAR) for _ in range(3)]
        assert replies[0]["items"] == replies[1]["items"] == replies[2]["items"]
        assert len({reply["recommendation_id"] for reply in replies}) == 3

    shop.run(use)


def test_a_click_changes_the_next_answer(shop: Shop) -> None:
    async def use(client: Client) -> None:
        before = await client.recommend("product", item_id="i7", anonymous_id="a")
        assert not before["personalised"]
        for item_id in ("i3", "i9"):
            assert (await client.post("/v1/track", json=click(item_id, anonymousId="a"))).status_code == 200
        after = await client.recommend("home", anonymous_id="a")
        assert after["personalised"]
        assert item_ids(after) != await client.shown("home", anonymous_id="b")

    shop.run(use)


def test_what_is_put_in_the_cart_is_not_recommended_for_it(shop: Shop) -> None:
    async def use(client: Client) -> None:
        [first, *_] = await client.shown("home", anonymous_id="a")
        await client.post("/v1/track", json=click(first, "Product Added", anonymousId="a"))
        assert first not in await client.shown("home", anonymous_id="a", limit=39)
        assert first not in await client.shown("home", cart=[first], limit=39)

    shop.run(use)


def test_without_consent_the_answer_is_that_of_a_stranger(shop: Shop) -> None:
    async def use(client: Client) -> None:
        await client.post("/v1/track", json=click("i3", anonymousId="a"))
        stranger = await client.shown()
        who = {"user_id": REGULAR, "anonymous_id": "a"}
        assert await client.shown(**who) != stranger
        assert await client.shown(**who, consent={"personalisation": False}) == stranger
        response = await client.post("/v1/recommendations", json={"placement": "home", **who}, headers={"sec-gpc": "1"})
        assert item_ids(response.json()) == stranger
        assert not response.json()["personalised"]

    shop.run(use)


def test_a_withdrawal_holds_for_the_next_answer_and_for_a_service_that_starts_later(shop: Shop) -> None:
    async def withdraw(client: Client) -> None:
        assert (await client.recommend(user_id=REGULAR))["personalised"]
        await asyncio.to_thread(ConsentStore(shop.engine).append, [said(REGULAR, State.WITHDRAWN, NOW)])
        async with asyncio.timeout(10):
            while (await client.recommend(user_id=REGULAR))["personalised"]:
                await asyncio.sleep(0.01)

    async def ask_later(client: Client) -> None:
        assert not (await client.recommend(user_id=REGULAR, consent={"personalisation": True}))["personalised"]

    shop.run(withdraw)
    shop.run(ask_later)


def test_a_page_shows_nothing_twice(shop: Shop) -> None:
    async def use(client: Client) -> None:
        blocks = [
            {"placement": name, "limit": 6, **({"item_id": "i7"} if name == "product" else {})}
            for name in PLACEMENTS[:4]
        ]
        response = await client.post("/v1/recommendations/batch", json={"user_id": REGULAR, "blocks": blocks})
        lists = [item_ids(block) for block in response.json()["blocks"]]
        shown = [item_id for listed in lists for item_id in listed]
        assert [block["placement"] for block in response.json()["blocks"]] == PLACEMENTS[:4]
        assert len(shown) == len(set(shown)) == 24

    shop.run(use)


def test_similar_items_and_complements(shop: Shop) -> None:
    async def use(client: Client) -> None:
        similar = await client.get("/v1/items/i7/similar", params={"limit": 4, "store_id": "s1"})
        assert len(item_ids(similar.json())) == 4
        assert "i7" not in item_ids(similar.json())
        missing = await client.get("/v1/items/nothing/similar")
        assert (missing.status_code, missing.json()["code"]) == (404, "unknown_item")
        complements = await client.post("/v1/basket/complements", json={"cart": ["i7", "i8"], "limit": 4})
        assert len(item_ids(complements.json())) == 4
        assert not {"i7", "i8"} & set(item_ids(complements.json()))

    shop.run(use)


def test_a_decision_can_be_explained_by_any_worker(shop: Shop) -> None:
    async def use(client: Client) -> None:
        reply = await client.recommend(user_id=REGULAR, explain=True, limit=3)
        async with serving(shop.app()) as other:
            trace = (await other.get(f"/v1/decisions/{reply['recommendation_id']}")).json()
        assert [entry["item_id"] for entry in trace["items"]] == item_ids(reply)
        assert trace["items"][0]["features"]
        assert set(trace["candidates"]) >= {"buy_again", "embedding"}
        assert REGULAR not in str(trace)
        unexplained = await client.recommend(user_id=REGULAR)
        missing = await client.get(f"/v1/decisions/{unexplained['recommendation_id']}")
        assert (missing.status_code, missing.json()["code"]) == (404, "unknown_decision")

    shop.run(use)


def test_a_placement_weighs_the_margins_that_items_state_and_explains_it(shop: Shop) -> None:
    again = {"title": "Again", "sources": ["buy_again"]}

    async def ask(client: Client) -> dict[str, Any]:
        return await client.recommend("buy_again", user_id=REGULAR, limit=5, explain=True)

    async def use(client: Client) -> None:
        *others, last = item_ids(await ask(client))
        for item_id in (*others, last):
            stated = {"title": item_id, "price": {"amount": 500, "currency": "EUR"}}
            body = stated | {"margin": 1.0 if item_id == last else 0.01}
            assert (await client.put(f"/v1/catalogue/items/{item_id}", json=body)).json()["margin"] == body["margin"]
        weighed = again | {"objectives": {"margin": 1.0}}
        saved = await client.put("/v1/placements/buy_again", json=weighed)
        assert saved.json()["definition"] == weighed
        async with asyncio.timeout(10):
            while item_ids(reply := await ask(client))[0] != last:
                await asyncio.sleep(0.01)
        shown = (await client.get(f"/v1/decisions/{reply['recommendation_id']}")).json()["items"]
        assert shown[0]["objectives"]["margin"] == 1.0
        assert all(set(one["objectives"]) == {"purchase", "margin"} for one in shown)
        assert "margin" not in reply["items"][0]["item"]
        refused = await client.put("/v1/placements/buy_again", json=again | {"objectives": {"margins": 1.0}})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/objectives/margins")

    shop.run(use)


def test_a_saved_placement_holds_on_every_worker_and_after_a_restart(shop: Shop) -> None:
    definition = {"title": "Cheap", "sources": ["popular"], "filter": "item.price < 200", "limit": 5}

    async def use(client: Client) -> None:
        async with serving(shop.app()) as other:
            await other.wait_until_ready()
            saved = await client.put("/v1/placements/cheap", json=definition)
            assert saved.json() == {"placement_id": "cheap", "origin": "saved", "definition": definition}
            async with asyncio.timeout(10):
                while (await other.get("/v1/placements/cheap")).status_code == 404:
                    await asyncio.sleep(0.01)
            reply = await other.recommend("cheap")
        assert len(reply["items"]) == 5
        assert all(entry["item"]["price"]["amount"] < 200 for entry in reply["items"])

    async def use_later(client: Client) -> None:
        assert (await client.get("/v1/placements/cheap")).json()["origin"] == "saved"
        listed = (await client.get("/v1/placements")).json()["placements"]
        assert {entry["placement_id"] for entry in listed} == {*PLACEMENTS, "cheap"}

    shop.run(use)
    shop.run(use_later)


@pytest.mark.parametrize(
    ("definition", "pointer"),
    [
        ({"title": "T", "sources": ["popular"], "filter": "item.price <"}, "/filter"),
        ({"title": "T", "sources": ["nowhere"]}, "/sources"),
        ({"title": "T", "sources": ["popular"], "limit": 50, "max_limit": 10}, "/limit"),
        ({"title": "T", "sources": ["popular"], "filter": "item.price < 5 and item.price > 10"}, "/filter"),
    ],
)
def test_a_placement_that_does_not_hold_is_refused(shop: Shop, definition: dict[str, Any], pointer: str) -> None:
    async def use(client: Client) -> None:
        response = await client.put("/v1/placements/home", json=definition)
        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"].startswith(pointer)
        assert (await client.get("/v1/placements/home")).json()["origin"] == "shipped"

    shop.run(use, ready=False)


def test_every_list_that_may_come_is_counted_from_zero(shop: Shop) -> None:
    """A rate sees the first one as an increase only where the series was there before; and nobody waits for it."""

    def counted(page: str) -> dict[str, float]:
        lines = [line.rpartition(" ") for line in page.splitlines() if line.startswith("recommender_recommendations_t")]
        return {name: float(value) for name, _, value in lines}

    async def use(client: Client) -> None:
        page = (await client.get("/metrics")).text
        assert 'http_response_status_code="200",http_route="/v1/recommendations"' in page
        assert set(counted(page).values()) == {0.0}
        for placement in PLACEMENTS:
            for who in ({}, {"user_id": REGULAR}):
                await client.recommend(placement, limit=3, **who, **IN_CONTEXT)
        after = counted((await client.get("/metrics")).text)
        assert after.keys() == counted(page).keys()
        assert sum(after.values()) == 2 * len(PLACEMENTS)

    shop.run(use)
