"""What people allow and want, over HTTP: said in one channel, known in every other, with its history."""

from pathlib import Path
from typing import Any

import jwt
import pytest

from features.identity import read_secret
from features.keys import new_key, signing_secret
from features.sql.key_store import KeyStore
from tests.integration.serving.shop import NOW, Client, Shop, serving

DESK = {"channel": "call_centre", "system": "crm", "operator": "agent-7"}


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> Shop:
    shop = Shop(tmp_path, redis_url=f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}")
    shop.publish("a1")
    return shop


def said(state: str, purpose: str = "personalisation", **more: Any) -> dict[str, Any]:
    who = {} if more.keys() & {"anonymous_id", "email", "phone"} else {"user_id": "ann"}
    return {"purpose": purpose, "state": state, "source": DESK, **who, **more}


async def post(client: Client, *consents: dict[str, Any], **more: Any) -> dict[str, Any]:
    reply = await client.post("/v1/consents", json={"consents": consents}, **more)
    assert reply.status_code == 200, reply.text
    return reply.json()


def state_in(reply: dict[str, Any], purpose: str = "personalisation", topic: str | None = None) -> str:
    purposes = reply["subjects"][0]["purposes"] if "subjects" in reply else reply["purposes"]
    return next(one["state"] for one in purposes if (one["purpose"], one["topic"]) == (purpose, topic))


def test_what_was_said_is_read_back_with_its_source_its_history_and_a_receipt(shop: Shop) -> None:
    async def use(client: Client) -> None:
        await post(client, said("granted", occurred_at="1970-02-01T00:00:00Z", proof="call 17"))
        await post(client, said("withdrawn"), said("granted", "marketing_email", topic="recipes"))
        wish = {"user_id": "ann", "channel": "email", "frequency": "weekly", "source": {"channel": "app"}}
        assert (await client.post("/v1/preferences", json={"preferences": [wish]})).json() == {
            "recorded": 1,
            "repeated": 0,
        }
        async with serving(shop.app()) as other:  # another worker
            reply = (await other.get("/v1/profiles/user_id:ann/consents")).json()
        [personalisation, *_] = reply["purposes"]
        assert personalisation["state"] == "withdrawn"
        assert personalisation["source"] == {**DESK, "form": None}
        assert state_in(reply, "analytics") == "unanswered"
        assert state_in(reply, "marketing_email", "recipes") == "granted"
        assert [one["type"] for one in reply["history"]] == ["consent"] * 3 + ["preference"]
        assert reply["history"][0]["proof"] == "call 17"
        assert reply["history"][1]["entry_id"] == personalisation["entry_id"]
        assert reply["preferences"]["frequencies"] == [{"channel": "email", "topic": None, "frequency": "weekly"}]
        receipt = reply["receipt"]
        events = receipt["purposes"][0]["events"]
        assert [event["event_state"] for event in events] == ["granted", "withdrawn"]
        assert all(receipt["controller"][field] for field in ("party_id", "name", "address", "contact", "type"))

    shop.run(use, ready=False)


def test_the_same_call_made_again_counts_once_and_the_same_id_for_something_else_is_refused(shop: Shop) -> None:
    async def use(client: Client) -> None:
        for headers, entry in ({"idempotency-key": "k1"}, {}), ({}, {"entry_id": "crm-1"}):
            first = await post(client, said("granted", **entry), headers=headers)
            again = await post(client, said("granted", **entry), headers=headers)
            assert (first["recorded"], again["recorded"], again["repeated"]) == (1, 0, 1)
            other = {"consents": [said("denied", "analytics"), said("withdrawn", **entry)][0 if headers else 1 :]}
            body = {"consents": [said("withdrawn", **entry)]} if headers else other
            refused = await client.post("/v1/consents", json=body, headers=headers)
            assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/consents/0/entry_id")
        assert len((await client.get("/v1/profiles/user_id:ann/consents")).json()["history"]) == 2

    shop.run(use, ready=False)


def test_stopping_all_marketing_withdraws_every_channel_and_nothing_else(shop: Shop) -> None:
    async def use(client: Client) -> None:
        channels = ["marketing_email", "marketing_push", "marketing_sms"]
        await post(client, said("granted"), *(said("granted", purpose) for purpose in channels))
        reply = await post(client, said("withdrawn", "all_marketing"))
        assert [state_in(reply, purpose) for purpose in channels] == ["withdrawn"] * 3
        assert state_in(reply) == "granted"
        assert (
            await client.post("/v1/consents", json={"consents": [said("granted", "all_marketing")]})
        ).status_code == 422

    shop.run(use, ready=False)


@pytest.mark.parametrize(
    ("entry", "pointer"),
    [
        ({"email": "ann@shop.example"}, "/consents/0"),
        ({"topic": "horses"}, "/consents/0/topic"),
        ({"occurred_at": "2999-01-01T00:00:00Z"}, "/consents/0/occurred_at"),
        ({"expires_at": "1970-01-01T00:00:00Z"}, "/consents/0/expires_at"),
        ({"purpose": "world_peace"}, "/consents/0/purpose"),
        ({"source": {}}, "/consents/0/source/channel"),
        ({"granted": True}, "/consents/0/granted"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_field_and_nothing_is_written(
    shop: Shop, entry: dict[str, Any], pointer: str
) -> None:
    async def use(client: Client) -> None:
        bad = {**said("granted"), "user_id": "ann", **entry}
        reply = await client.post("/v1/consents", json={"consents": [bad, said("granted", "analytics")]})
        assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, pointer), reply.text
        assert reply.json()["errors"][0]["remedy"]
        assert (await client.get("/v1/consents/changes")).json()["changes"] == []

    shop.run(use, ready=False)


def test_a_contact_is_hashed_at_the_door(shop: Shop) -> None:
    async def use(client: Client) -> None:
        reply = await post(client, said("denied", "marketing_email", email="Ann@Shop.example"))
        assert reply["subjects"][0]["subject"]["kind"] == "email_hash"
        feed = await client.get("/v1/consents/changes")
        assert "shop.example" not in feed.text.lower()
        again = await client.get("/v1/profiles/email:ann@shop.example/consents")
        assert again.status_code == 422  # a path is no place for an address
        found = await client.get(f"/v1/profiles/email_hash:{reply['subjects'][0]['subject']['value']}/consents")
        assert state_in(found.json(), "marketing_email") == "denied"

    shop.run(use, ready=False)


def test_the_feed_gives_everything_once_in_order_over_pages_while_others_write(shop: Shop) -> None:
    async def use(client: Client) -> None:
        cursor, seen = None, list[str]()
        for batch in range(4):
            await post(client, *(said("denied", user_id=f"u{n}", entry_id=f"{batch}-{n}") for n in range(5)))
            wish = {
                "user_id": "ann",
                "channel": "sms",
                "frequency": "never",
                "source": DESK,
                "entry_id": f"{batch}-wish",
            }
            await client.post("/v1/preferences", json={"preferences": [wish]})
            params = {"limit": 4} | ({} if cursor is None else {"after": cursor})
            page = (await client.get("/v1/consents/changes", params=params)).json()
            seen += [one["entry_id"] for one in page["changes"]]
            cursor = page["next"]
        while True:
            page = (await client.get("/v1/consents/changes", params={"limit": 4, "after": cursor})).json()
            seen += [one["entry_id"] for one in page["changes"]]
            cursor = page["next"]
            if not page["changes"]:
                break
        assert seen == [f"{batch}-{n}" for batch in range(4) for n in [*range(5), "wish"]]
        for wrong in ("x", "AAAA", cursor + "A", "MS4yLjM="):
            assert (await client.get("/v1/consents/changes", params={"after": wrong})).status_code == 422

    shop.run(use, ready=False)


def test_the_public_key_writes_for_the_subject_of_the_token_and_for_no_one_else(shop: Shop) -> None:
    key, text = new_key("pk", "shop", NOW)
    other, secret_text = new_key("sk", "crm", NOW)
    for one in (key, other):
        KeyStore(shop.engine).add(one)
    claims = {"sub": "ann", "aud": "recommender", "exp": NOW.timestamp() + 1800}
    token = jwt.encode(claims, signing_secret(read_secret(shop.settings), key.key_id))
    alone = {"authorization": f"Bearer {text}"}
    ann, crm = {**alone, "x-user-token": token}, {"authorization": f"Bearer {secret_text}"}

    async def use(client: Client) -> None:
        for headers, body in [
            (alone, said("granted")),
            (ann, said("withdrawn", user_id="bob")),
            (ann, said("denied", email="a@b.example")),
        ]:
            reply = await client.post("/v1/consents", json={"consents": [body]}, headers=headers)
            assert reply.status_code == 403, reply.text
            mixed = {"consents": [said("denied", "analytics"), body]}
            assert (await client.post("/v1/consents", json=mixed, headers=headers)).status_code == 403
        for path in ("/v1/profiles/user_id:ann/consents", "/v1/consents/changes"):
            assert (await client.get(path, headers=ann)).status_code == 403
        assert (await client.post("/v1/consents/links", json={"user_id": "ann"}, headers=ann)).status_code == 403
        assert (await client.get("/v1/consents/changes", headers=crm)).json()["changes"] == []
        assert state_in(await post(client, said("granted"), headers=ann)) == "granted"
        # An id that the shop is about to use cannot be taken by a shopper.
        await post(client, said("granted", "analytics", entry_id="crm-9"), headers=ann)
        reply = await post(client, said("withdrawn", "analytics", user_id="bob", entry_id="crm-9"), headers=crm)
        assert (reply["recorded"], state_in(reply, "analytics")) == (1, "withdrawn")

    shop.run(use, ready=False)


def test_a_withdrawal_that_live_state_does_not_get_is_not_acknowledged(shop: Shop) -> None:
    gone = Shop(shop.settings.data_dir, redis_url="unix:///nowhere/valkey.sock")

    async def use(client: Client) -> None:
        reply = await client.post("/v1/consents", json={"consents": [said("withdrawn", entry_id="w1")]})
        assert (reply.status_code, reply.json()["code"]) == (503, "store_unavailable")

    gone.run(use, ready=False)

    async def again(client: Client) -> None:
        reply = await post(client, said("withdrawn", entry_id="w1"))
        assert (reply["repeated"], state_in(reply)) == (1, "withdrawn")

    shop.run(again, ready=False)
