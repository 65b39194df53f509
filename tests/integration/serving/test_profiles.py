"""Profiles over HTTP: read, merged, taken apart again; and what each change does to what shoppers see."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from features.online.connection import connect
from features.online.embedded import EmbeddedValkey
from features.online.live_state import LiveState
from features.sql.consent_store import ConsentStore
from recommender.consent import State
from recommender.ids import ItemNumber, UserId
from tests.builders import said
from tests.integration.serving.shop import NOW, Client, Shop, serving
from tests.integration.serving.test_people import CONSENT, track

MERGES = "/v1/profiles/merges"


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> Shop:
    shop = Shop(tmp_path, redis_url=f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}")
    shop.publish("a1")
    return shop


def merging(*names: str, **changes: Any) -> dict[str, Any]:
    identifiers = [{"kind": "user_id", "value": name} for name in names]
    return {"identifiers": identifiers, "reason": "a test"} | changes


def test_a_merge_taken_back_leaves_each_person_what_they_did_themselves(shop: Shop) -> None:
    async def use(client: Client) -> None:
        await track(client, "Product Viewed", "i3", userId="ann")
        merged = (await client.post(MERGES, json=merging("ann", "bob"))).json()
        await track(client, "Product Viewed", "i5", userId="bob")
        await track(client, "Product Viewed", "i7", userId="ann", anonymousId="a-1")
        assert (await client.recommend(user_id="bob"))["personalised"]
        assert (await client.delete(f"{MERGES}/{merged['merge_id']}")).status_code == 204
        ann, bob = (await live_items(shop, "ann"), await live_items(shop, "bob"))
        assert ann == {"i3", "i7"}
        assert bob == {"i5"}
        assert (await client.delete(f"{MERGES}/{merged['merge_id']}")).status_code == 204  # again: nothing to do

    shop.run(use)


def test_who_loses_a_card_is_served_nothing_learnt_through_it_until_the_next_training(shop: Shop) -> None:
    async def use(client: Client) -> None:
        traits = {"loyalty_card": "4711"}
        await client.post("/v1/identify", json={"userId": "regular", "traits": traits, "context": CONSENT})
        shop.publish("learnt-with-the-card", seed=1)
        await client.wait_until_ready("learnt-with-the-card")
        assert (await client.recommend(user_id="regular"))["personalised"]
        [merge] = (await client.get("/v1/profiles/user_id:regular")).json()["merges"]
        assert (await client.delete(f"{MERGES}/{merge['merge_id']}")).status_code == 204
        assert not (await client.recommend(user_id="regular"))["personalised"]
        async with serving(shop.app()) as fresh:  # a worker that did not see it happen
            await fresh.wait_until_ready()
            assert not (await fresh.recommend(user_id="regular"))["personalised"]
        shop.publish("learnt-without-it", seed=2)
        await client.wait_until_ready("learnt-without-it")
        assert (await client.recommend(user_id="regular"))["personalised"]

    shop.run(use)


def test_a_merge_taken_back_without_redis_is_followed_by_the_same_call_later(
    own_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    shop = Shop(tmp_path)
    shop.publish("a1")

    async def use(client: Client) -> None:
        merged = (await client.post(MERGES, json=merging("ann", "bob"))).json()
        merge = f"{MERGES}/{merged['merge_id']}"
        await track(client, "Product Viewed", "i5", userId="bob")
        assert await live_items(shop, "ann") == {"i5"}
        await asyncio.to_thread(own_valkey.stop)
        gone = await client.delete(merge)
        assert (gone.status_code, gone.json()["code"]) == (503, "store_unavailable")
        await asyncio.to_thread(own_valkey.start)
        async with asyncio.timeout(10):
            while (await client.delete(merge)).status_code != 204:
                await asyncio.sleep(0.05)
        assert await live_items(shop, "ann") == set()
        assert await live_items(shop, "bob") == {"i5"}

    shop.run(use)


async def live_items(shop: Shop, user: str) -> set[str]:
    """Ids of the items that live state has of a user."""
    names = {item.item_number: item.item_id for item in shop.catalogue.read_all()}
    async with connect(shop.settings) as redis:
        live = await LiveState(redis).read(UserId(user), None)
    return {names[ItemNumber(number)] for number in live.numbers.tolist()}


def test_a_profile_shows_who_it_is_and_what_made_it(shop: Shop) -> None:
    async def use(client: Client) -> None:
        traits = {"loyalty_card": "47-11", "email": " Ann@Example.org "}
        await client.post(
            "/v1/identify",
            json={
                "userId": "ann",
                "anonymousId": "a-1",
                "traits": traits,
                "context": CONSENT,
                "messageId": "login-1",
            },
        )
        profile = (await client.get("/v1/profiles/user_id:ann")).json()
        kinds = [(one["kind"], one["value"]) for one in profile["identifiers"]]
        assert {("user_id", "ann"), ("loyalty_card", "4711"), ("anonymous_id", "a-1")} < set(kinds)
        assert "xample" not in str(profile)
        for name in (profile["profile_id"], "loyalty_card:47 11", "anonymous_id:a-1"):
            assert (await client.get(f"/v1/profiles/{name}")).json() == profile
        [merge] = profile["merges"]
        assert merge["event_id"] == "login-1"
        assert (await client.delete(f"{MERGES}/{merge['merge_id']}")).status_code == 204
        assert len((await client.get("/v1/profiles/user_id:ann")).json()["identifiers"]) == 1

    shop.run(use)


def test_contacts_that_name_nobody_link_nobody(shop: Shop) -> None:
    async def use(client: Client) -> None:
        for user in ("ann", "bob"):
            traits = {"email": "No-Reply@shop.example", "phone": "+49 000 000000"}
            body = {"userId": user, "traits": traits, "context": CONSENT}
            assert (await client.post("/v1/identify", json=body)).status_code == 200
            assert (await client.get(f"/v1/profiles/user_id:{user}")).status_code == 404
        named = [{"kind": "user_id", "value": "ann"}, {"kind": "email", "value": "test@shop.example"}]
        refused = await client.post(MERGES, json={"identifiers": named, "reason": "a test"})
        assert refused.status_code == 422, refused.text
        assert refused.json()["errors"][0]["pointer"] == "/identifiers/1/value"

    shop.run(use)


def test_what_an_identify_says_of_a_person_is_on_their_profile(shop: Shop) -> None:
    async def use(client: Client) -> None:
        async def identify(when: str, traits: dict[str, Any], **who: Any) -> None:
            body = {"timestamp": f"2024-10-0{when}T10:00:00Z", "traits": traits, "context": CONSENT} | who
            reply = await client.post("/v1/identify", json=body)
            assert reply.json()["status"] == "accepted", reply.text

        await identify("2", {"city": "Graz", "Email": "ann@shop.example", "firstName": "Ann"}, userId="ann")
        await identify("1", {"city": "Linz", "pets": 2}, userId="ann", anonymousId="a-1")  # came late
        await identify("3", {"diet": "vegan"}, userId="ann", context={})  # without consent
        await identify("3", {"shared": True}, anonymousId="a-1")  # whoever used the device
        assert (await client.get("/v1/profiles/user_id:ann")).json()["traits"] == {"city": "Graz", "pets": 2}

    shop.run(use)


def test_of_two_words_on_a_trait_the_newer_counts_and_null_takes_it_away(shop: Shop) -> None:
    async def use(client: Client) -> None:
        for name, traits in [("ann", {"city": "Graz", "pets": 1}), ("bob", {"city": "Linz"})]:
            reply = await client.patch(f"/v1/profiles/user_id:{name}", json={"traits": traits})
            assert reply.json()["traits"] == traits
        merged = (await client.post(MERGES, json=merging("ann", "bob"))).json()
        assert merged["profile"]["traits"] == {"city": "Linz", "pets": 1}
        path = f"/v1/profiles/{merged['profile']['profile_id']}"
        assert (await client.patch(path, json={"traits": {"city": None}})).json()["traits"] == {"pets": 1}

    shop.run(use)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "place"),
    [
        ("POST", MERGES, merging("ann"), 422, "/identifiers"),
        ("POST", MERGES, merging("ann", "ann"), 422, "/identifiers"),
        ("POST", MERGES, merging("ann", "null"), 422, "/identifiers"),
        ("POST", MERGES, merging("ann", "b\x00b"), 422, "/identifiers/1/value"),
        ("POST", MERGES, merging("ann", "bob", reason=""), 422, "/reason"),
        (
            "POST",
            MERGES,
            {"identifiers": [{"kind": "email", "value": "nobody"}] * 2, "reason": "x"},
            422,
            "/identifiers/0/value",
        ),
        (
            "POST",
            MERGES,
            {"identifiers": [{"kind": "shoe", "value": "41"}] * 2, "reason": "x"},
            422,
            "/identifiers/0/kind",
        ),
        ("DELETE", f"{MERGES}/mrg_99", None, 404, "merge_id"),
        ("DELETE", f"{MERGES}/99", None, 422, "merge_id"),
        ("GET", "/v1/profiles/prf_99", None, 404, "profile_id"),
        ("GET", "/v1/profiles/ann", None, 422, "profile_id"),
        ("PATCH", "/v1/profiles/prf_99", {"traits": {"a": 1}}, 404, "profile_id"),
        ("PATCH", "/v1/profiles/user_id:ann", {"traits": {"a": [1]}}, 422, "/traits/a"),
    ],
)
def test_bad_input_is_named_and_changes_nothing(
    shop: Shop, method: str, path: str, body: Any, status: int, place: str
) -> None:
    async def use(client: Client) -> None:
        reply: httpx.Response = await client.request(method, path, json=body)
        assert reply.status_code == status, reply.text
        [first, *_] = reply.json()["errors"]
        assert str(first.get("pointer") or first.get("parameter")).startswith(place)
        assert (await client.get("/v1/profiles/user_id:ann")).status_code == 404

    shop.run(use, ready=False)


def test_a_merge_is_known_to_every_worker_and_the_stricter_consent_counts(shop: Shop) -> None:
    ConsentStore(shop.engine).append([said("bob", State.DENIED, NOW)])

    async def use(client: Client) -> None:
        assert (await client.recommend(user_id="regular"))["personalised"]
        async with serving(shop.app()) as other:
            body = {
                "identifiers": [{"kind": "user_id", "value": name} for name in ("regular", "bob")],
                "reason": "the same household",
            }
            merged = await other.post("/v1/profiles/merges", json=body)
            assert merged.status_code == 200, merged.text
            await until(client, personalised=False)
            await other.delete(f"/v1/profiles/merges/{merged.json()['merge_id']}")
            shop.publish("learnt-since", seed=1)
            await until(client, personalised=True)

    shop.run(use)


async def until(client: Client, *, personalised: bool) -> None:
    async with asyncio.timeout(20):
        while (await client.recommend(user_id="regular"))["personalised"] is not personalised:
            await asyncio.sleep(0.02)
