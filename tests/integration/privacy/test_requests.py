"""Requests of people over HTTP: who may ask for whom, what holds from the answer on, and what brings nobody back."""

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from redis import Redis

from features.events.importer import import_events
from features.events.log import scan_events
from features.privacy.runner import PrivacyRunner
from features.progress import Silent
from tests.integration.serving.shop import NOW, Client
from tests.integration.serving.test_access import GuardedShop, bearer

AGREED = {"consent": {"categoryPreferences": {"personalisation": True}}}
REQUESTS = "/v1/privacy/requests"


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> GuardedShop:
    shop = GuardedShop(tmp_path, redis_url=f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}")
    shop.publish("a1")
    return shop


def about(user: str, kind: str = "access", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "identifiers": [{"kind": "user_id", "value": user}], **more}


def viewed(user: str, name: str) -> dict[str, Any]:
    return {
        "type": "track", "event": "Product Viewed", "messageId": name, "userId": user, "context": AGREED,
        "timestamp": NOW.isoformat(), "properties": {"product_id": "i7"},
    }  # fmt: skip


def test_a_token_asks_for_its_own_user_alone(shop: GuardedShop):
    mine = bearer(shop.public_text, shop.token("ann"))
    bobs = bearer(shop.public_text, shop.token("bob"))

    async def use(client: Client) -> None:
        async def ask(body: dict[str, Any], headers: dict[str, str]) -> int:
            return (await client.post(REQUESTS, json=body, headers=headers)).status_code

        assert await ask(about("ann"), mine) == 202
        assert await ask(about("bob"), mine) == 403
        assert await ask(about("ann", "correction", traits={"size": "M"}), mine) == 403
        anonymous = {"kind": "erasure", "identifiers": [{"kind": "anonymous_id", "value": "a-1"}]}
        assert await ask(anonymous, mine) == 403
        assert await ask(anonymous, bearer(shop.public_text)) == 403
        assert await ask(about("ann"), {}) == 401

        [own] = (await client.get(REQUESTS, headers=mine)).json()["requests"]
        assert own["identifiers"] == [{"kind": "user_id", "value": "ann"}]
        assert (await client.get(REQUESTS, headers=bobs)).json()["requests"] == []
        assert (await client.get(f"{REQUESTS}?identifier=user_id:ann", headers=bobs)).status_code == 403
        for path in (own["request_id"], f"{own['request_id']}/file"):
            assert (await client.get(f"{REQUESTS}/{path}", headers=bobs)).status_code == 404
        assert (await client.get(f"{REQUESTS}/{own['request_id']}", headers=mine)).status_code == 200

    shop.run(use)


def test_what_does_not_fit_is_named_and_opens_nothing(shop: GuardedShop):
    headers = bearer(shop.secret_text)

    async def use(client: Client) -> None:
        async def refused(body: dict[str, Any], **more: str) -> dict[str, Any]:
            reply = await client.post(REQUESTS, json=body, headers=headers | more)
            assert reply.status_code == 422, reply.text
            return reply.json()

        assert (await refused(about("ann", law="mars")))["errors"][0]["pointer"] == "/law"
        assert (await refused(about("null", "erasure")))["errors"][0]["pointer"] == "/identifiers/0/value"
        assert (await refused(about("ann", "correction")))["errors"][0]["pointer"] == "/traits"
        assert (await refused(about("ann", "lift_suppression")))["errors"][0]["pointer"] == "/identifiers"
        assert (await client.get(REQUESTS, headers=headers)).json()["requests"] == []
        keyed = headers | {"idempotency-key": "k"}
        assert (await client.post(REQUESTS, json=about("ann"), headers=keyed)).status_code == 202
        assert "another request" in (await refused(about("bob"), **{"idempotency-key": "k"}))["detail"]
        assert len((await client.get(REQUESTS, headers=headers)).json()["requests"]) == 1

    shop.run(use)


def test_a_correction_states_traits(shop: GuardedShop):
    headers = bearer(shop.secret_text)

    async def use(client: Client) -> None:
        body = about("ann", "correction", traits={"size": "M"})
        assert (await client.post(REQUESTS, json=body, headers=headers)).json()["state"] == "done"
        assert (await client.get("/v1/profiles/user_id:ann", headers=headers)).json()["traits"] == {"size": "M"}

    shop.run(use)


def test_restricted_data_is_kept_and_not_used_until_it_is_lifted(shop: GuardedShop):
    headers = bearer(shop.secret_text)

    async def use(client: Client) -> None:
        async def send(name: str) -> None:
            reply = await client.post("/v1/batch", json={"batch": [viewed("regular", name)]}, headers=headers)
            assert reply.json()["events"][0]["status"] == "accepted"

        async def is_personal() -> bool:
            body = {"placement": "home", "user_id": "regular", "consent": {"personalisation": True}}
            return (await client.post("/v1/recommendations", json=body, headers=headers)).json()["personalised"]

        await send("before")
        assert await is_personal()
        for kind in ("restriction", "restriction"):
            assert (await client.post(REQUESTS, json=about("regular", kind), headers=headers)).status_code == 202
        await send("meanwhile")
        assert not await is_personal()
        lift = about("regular", "lift_restriction")
        assert (await client.post(REQUESTS, json=lift, headers=headers)).json()["receipt"] == {"lifted": 1}
        assert await is_personal()

    shop.run(use)
    with Redis.from_url(str(shop.settings.redis_url)) as redis:
        texts = b"\n".join(fields[b"events"] for _, fields in redis.xrange("{events}")).split(b"\n")
    purposes = {row["event_id"]: row["consent"] for row in map(json.loads, texts) if row["event"] == "Product Viewed"}
    assert purposes == {"before": ["personalisation"], "meanwhile": []}  # kept, but nobody may learn from it


def test_no_door_writes_somebody_down_again_who_was_erased(shop: GuardedShop):
    headers = bearer(shop.secret_text)
    ann, bob = {"kind": "user_id", "value": "ann"}, {"kind": "user_id", "value": "bob"}
    no = {"user_id": "ann", "purpose": "analytics", "state": "denied", "source": {"channel": "store"}}
    wish = {"user_id": "ann", "channel": "email", "frequency": "weekly", "source": {"channel": "app"}}
    doors: list[tuple[str, str, dict[str, Any], str]] = [
        ("PATCH", "/v1/profiles/user_id:ann", {"traits": {"size": "M"}}, "profile_id"),
        ("POST", "/v1/profiles/merges", {"identifiers": [bob, ann], "reason": "r"}, "/identifiers/1/value"),
        ("POST", "/v1/consents", {"consents": [no | {"user_id": "bob"}, no]}, "/consents/1"),
        ("POST", "/v1/preferences", {"preferences": [wish | {"user_id": "bob"}, wish]}, "/preferences/1"),
        ("POST", "/v1/consents/links", {"user_id": "ann"}, "/user_id"),
        ("POST", REQUESTS, about("ann", "correction", traits={"size": "M"}), "/identifiers"),
    ]

    async def use(client: Client) -> None:
        made = await client.post("/v1/consents/links", json={"user_id": "ann"}, headers=headers)
        page = made.json()["url"].partition("/preferences")[2]
        assert (await client.post(REQUESTS, json=about("ann", "erasure"), headers=headers)).status_code == 202
        for method, path, body, place in doors:
            reply = await client.request(method, path, json=body, headers=headers)
            assert (reply.status_code, reply.json()["code"]) == (409, "erased"), reply.text
            [wrong] = reply.json()["errors"]
            assert wrong.get("pointer", wrong.get("parameter")) == place
            assert "lift_suppression" in wrong["remedy"]
        for method in ("GET", "POST"):
            form = {"content-type": "application/x-www-form-urlencoded", "accept": "text/html"}
            shown = await client.request(method, f"/preferences{page}", headers=form)
            assert (shown.status_code, "Your data was erased" in shown.text) == (409, True)
        assert (await client.get("/v1/consents/changes", headers=headers)).json()["changes"] == []
        for user in ("ann", "bob"):
            assert (await client.get(f"/v1/profiles/user_id:{user}", headers=headers)).status_code == 404
        lift = about("ann", "lift_suppression")
        assert (await client.post(REQUESTS, json=lift, headers=headers)).status_code == 202
        assert (await client.request(*doors[0][:2], json=doors[0][2], headers=headers)).status_code == 200

    shop.run(use, ready=False)


def test_an_import_brings_nobody_back_until_the_suppression_is_lifted(shop: GuardedShop, tmp_path: Path):
    headers = bearer(shop.secret_text)
    file = tmp_path / "events.csv"
    row = {
        "event_id": "e1", "event": "Order Completed", "order_id": "o1", "user_id": "ann", "item_id": "i1",
        "quantity": "2", "price": "250", "currency": "EUR", "occurred_at": "2024-01-01T10:20:30Z",
    }  # fmt: skip
    seen = row | {"event_id": "e2", "event": "Product Viewed", "order_id": ""}
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, list(row))
        writer.writeheader()
        writer.writerows([row, seen])

    def ask(kind: str) -> None:
        async def use(client: Client) -> None:
            assert (await client.post(REQUESTS, json=about("ann", kind), headers=headers)).status_code == 202

        shop.run(use)

    def logged() -> pl.DataFrame:
        return (
            scan_events(shop.settings).filter(pl.col("user_id").is_not_null() | pl.col("price").is_not_null()).collect()
        )

    ask("erasure")
    report = import_events(shop.settings, file, Silent(), now=NOW)
    assert (report.accepted, report.suppressed) == (1, 1)
    [line] = logged().to_dicts()
    assert (line["user_id"], line["price"], line["quantity"]) == (None, 250, 2.0)
    assert import_events(shop.settings, file, Silent(), now=NOW).accepted == 0  # the same line of accounts
    with Redis.from_url(str(shop.settings.redis_url)) as redis:
        later = NOW.replace(year=NOW.year + 1)
        assert PrivacyRunner(shop.settings, shop.engine, redis, lambda: later).run() == 1
    ask("lift_suppression")
    assert import_events(shop.settings, file, Silent(), now=NOW).accepted == 2
    assert set(logged()["user_id"]) == {None, "ann"}
