"""Campaigns over HTTP: their life, what a worker offers, who would get them."""

import asyncio
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from features.sql.segment_store import SegmentStore
from recommender.catalogue import Catalogue
from serving.campaigns.registry import Campaigns, Segments
from tests.builders import item
from tests.integration.serving.shop import NOW, REGULAR, Client, Shop, serving

PASTA: dict[str, Any] = {
    "title": "Pasta", "currency": "EUR", "timezone": "Europe/Vienna",
    "discount": {"kind": "percent", "percent": 20, "max_discount": 150},
    "items": ["i0", "i1"], "budget": {"money": 5000}, "caps": [{"most": 1}],
    "valid_from": "1970-01-02T00:00:00", "valid_until": "2099-01-01T00:00:00",
}  # fmt: skip
URL = "/v1/campaigns/pasta"


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> Shop:
    shop = Shop(tmp_path, redis_url=f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}")
    shop.publish("a1")
    return shop


async def create(client: Client, **changed: Any) -> dict[str, Any]:
    reply = await client.post("/v1/campaigns", json={"campaign_id": "pasta", **PASTA, **changed})
    assert reply.status_code == 201, reply.text
    return reply.json()


def test_a_campaign_lives_from_draft_to_ended(shop: Shop) -> None:
    async def use(client: Client) -> None:
        made = await create(client)
        assert (made["state"], made["version"], made["findings"]) == ("draft", 1, [])
        assert (await create(client))["etag"] == made["etag"]
        for action, state in (("activate", "active"), ("pause", "paused"), ("activate", "active"), ("end", "ended")):
            reply = await client.post(f"{URL}/{action}")
            assert (reply.status_code, reply.json()["state"]) == (200, state)
            assert reply.headers["etag"] == reply.json()["etag"]
        refused = await client.post(f"{URL}/activate")
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
        assert (await client.delete(URL)).status_code == 409
        listed = (await client.get("/v1/campaigns", params={"state": "ended"})).json()
        assert [one["campaign_id"] for one in listed["campaigns"]] == ["pasta"]
        assert (await client.get("/v1/campaigns/rice")).status_code == 404

    shop.run(use)


def test_only_who_has_seen_it_changes_it(shop: Shop) -> None:
    async def use(client: Client) -> None:
        seen = (await create(client))["etag"]
        changed = PASTA | {"title": "More pasta"}
        assert (await client.put(URL, json=changed)).status_code == 428
        first = await client.put(URL, json=changed, headers={"if-match": seen})
        assert (first.status_code, first.json()["version"]) == (200, 2)
        second = await client.put(URL, json=PASTA, headers={"if-match": seen})
        assert (second.status_code, second.json()["code"]) == (412, "changed_meanwhile")
        assert (await client.post(f"{URL}/activate", headers={"if-match": seen})).status_code == 412
        assert (await client.post(f"{URL}/activate", headers={"if-match": "soon"})).status_code == 422
        versions = (await client.get(f"{URL}/versions")).json()["versions"]
        assert [(one["version"], one["definition"]["title"]) for one in versions] == [(2, "More pasta"), (1, "Pasta")]

    shop.run(use)


def test_what_has_errors_does_not_become_active(shop: Shop) -> None:
    async def use(client: Client) -> None:
        made = await create(client, budget={"money": 100})
        assert made["findings"][0]["code"] == "budget_below_coupon"
        refused = await client.post(f"{URL}/activate")
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/budget/money")
        mended = await client.put(URL, json=PASTA, headers={"if-match": made["etag"]})
        assert (await client.post(f"{URL}/activate")).status_code == 200
        again = {"if-match": (await client.get(URL)).headers["etag"]}
        broken = await client.put(URL, json=PASTA | {"items": ["nothing"]}, headers=again)
        assert (broken.status_code, broken.json()["errors"][0]["pointer"]) == (422, "/items")
        assert (await client.get(URL)).json()["version"] == mended.json()["version"]

    shop.run(use)


def test_a_definition_that_does_not_hold_changes_nothing(shop: Shop) -> None:
    async def use(client: Client) -> None:
        reply = await client.post("/v1/campaigns", json={"campaign_id": "pasta", **PASTA, "caps": [{"most": 0}]})
        assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, "/caps/0/most")
        assert (await client.get("/v1/campaigns")).json() == {"campaigns": [], "next_after": None}

    shop.run(use)


def test_a_preview_counts_who_is_known(shop: Shop) -> None:
    SegmentStore(shop.engine).put("regulars", [REGULAR, "somebody else"])

    async def use(client: Client) -> None:
        for rule, eligible, unknown in (
            ("'regulars' in shopper.segments", 1, 0),
            ("'others' in shopper.segments", 0, 0),
            ("shopper.n_baskets == 3", 1, 0),
            ("shopper.age >= 18", 0, 1),
            ("basket.n_items > 1", 0, 1),
        ):
            etag = (await create(client) if rule.startswith("'reg") else (await client.get(URL)).json())["etag"]
            reply = await client.put(URL, json=PASTA | {"eligibility": rule}, headers={"if-match": etag})
            assert reply.status_code == 200
            seen = (await client.get(f"{URL}/preview")).json()
            assert seen["reach"] == {
                "known_shoppers": 1, "looked_at": 1, "eligible": eligible, "unknown": unknown,
                "eligible_of_all": eligible,
            }, rule  # fmt: skip
            assert seen["money"] == {"most": 5000, "field": "budget.money"}
            assert seen["money_of_known"] == {"most": 150 * eligible, "field": "caps[0]"}
            assert seen["products"] == 2
            assert len(seen["caveats"]) == 2 + unknown

    shop.run(use)


def test_every_worker_stops_within_a_tenth_of_a_second(shop: Shop) -> None:
    async def main() -> None:
        first, second = shop.app(), shop.app()
        async with serving(first) as client, serving(second) as other:
            await client.wait_until_ready()
            await other.wait_until_ready()
            registry: Campaigns = second.state.campaigns
            await create(client)
            for action, runs in (("activate", True), ("kill", False)):
                reply = await client.post(f"{URL}/{action}")
                assert reply.status_code == 200
                started = monotonic()
                while bool(registry.running(NOW)) != runs:
                    assert monotonic() - started < 10, "the other worker never heard of it"
                    await asyncio.sleep(0.002)
            assert reply.json()["killed"] == "offers"

    asyncio.run(main())


def test_a_worker_that_starts_knows_who_is_active_and_in_which_segment(shop: Shop) -> None:
    async def activate(client: Client) -> None:
        await create(client)
        await client.post(f"{URL}/activate")

    shop.run(activate)
    SegmentStore(shop.engine).put("vip", ["ann", "bob"])
    SegmentStore(shop.engine).put("nobody", [])

    async def main() -> None:
        app = shop.app()
        async with serving(app) as client:
            await client.wait_until_ready()
            campaigns, segments = app.state.campaigns, app.state.segments
            assert isinstance(campaigns, Campaigns)
            assert isinstance(segments, Segments)
            campaign = campaigns.find("pasta")
            assert campaign is not None
            catalogue = Catalogue.of([item(number) for number in range(4)])
            rows = campaigns.products_of(campaign, catalogue, NOW)
            assert [catalogue.items[row].item_id for row in rows] == ["i0", "i1"]
            assert campaigns.products_of(campaign, catalogue, NOW) is rows
            assert segments.of("ann") == segments.of("cid", "bob") == {"vip"}
            assert segments.of("cid") == segments.of() == frozenset()

    asyncio.run(main())
