"""Who may do what, over HTTP: an attacker with the public key and a victim's user id learns and changes nothing."""

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from fastapi.routing import APIRoute
from redis import Redis
from sqlalchemy import select

from features.identity import ANONYMOUS_ID, read_secret
from features.keys import Key, KeyKind, new_key, signing_secret
from features.sql.consent_store import ConsentStore
from features.sql.key_store import KeyStore
from features.sql.tables.people import identifiers, identity_edges
from serving.access import ALL_SCOPES, FREE, PUBLIC_SCOPES, ScopedRoute
from serving.user_tokens import AUDIENCE
from tests.integration.serving.shop import NOW, REGULAR, Client, Shop, openapi_document

CONSENT = {"consent": {"categoryPreferences": {"personalisation": True}}}
VICTIM = str(REGULAR)


class GuardedShop(Shop):
    """A shop with a publishable and a secret key."""

    def __init__(self, data_dir: Path, **settings: Any) -> None:
        super().__init__(data_dir, **settings)
        self.public, self.public_text = self.make_key("pk")
        self.secret, self.secret_text = self.make_key("sk")

    def make_key(self, kind: KeyKind, **facts: Any) -> tuple[Key, str]:
        key, text = new_key(kind, "a test's", NOW, **facts)
        KeyStore(self.engine).add(key)
        return key, text

    def token(self, user: str) -> str:
        claims = {"sub": user, "aud": AUDIENCE, "exp": NOW + timedelta(minutes=30)}
        return jwt.encode(claims, signing_secret(read_secret(self.settings), self.public.key_id))

    def kept(self) -> dict[bytes, Any]:
        """All that live state and the graph of identifiers have of people."""
        with Redis.from_url(str(self.settings.redis_url)) as redis:
            live: dict[bytes, Any] = {key: redis.get(key) for key in redis.scan_iter("shopper:*")}
        with self.engine.connect() as connection:
            tables = identifiers, identity_edges
            live[b"sql"] = [connection.execute(select(table)).all() for table in tables]
        return live


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> GuardedShop:
    socket = valkey_data_dir / "valkey" / "valkey.sock"
    shop = GuardedShop(tmp_path, redis_url=f"unix://{socket}", trusted_proxies="127.0.0.1")
    shop.publish("a1")
    return shop


def bearer(key: str, token: str | None = None) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} | ({} if token is None else {"x-user-token": token})


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path with something in place of each parameter, and description of every documented operation."""
    return [
        (method.upper(), re.sub(r"\{[^}]+\}", "x", path), operation)
        for path, methods in openapi_document()["paths"].items()
        for method, operation in methods.items()
    ]


def routes_of(router: Any) -> Iterator[APIRoute]:
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from routes_of(route.original_router)


def test_every_route_declares_who_may_call_it(shop: GuardedShop) -> None:
    found = list(routes_of(shop.app()))
    assert len(found) > 20
    assert [route.path for route in found if not isinstance(route, ScopedRoute)] == []
    assert {operation["x-scope"] for _, _, operation in operations()} <= ALL_SCOPES | {FREE}


def test_without_a_key_nothing_but_health_answers_and_with_the_public_one_little_more(shop: GuardedShop) -> None:
    async def use(client: Client) -> None:
        for place, (method, path, operation) in enumerate(operations()):
            needed = operation["x-scope"]
            if needed == FREE:
                continue
            own_address = {"x-forwarded-for": f"192.0.2.{place}"}  # or this one would be held off for guessing
            for headers in ({}, bearer("sk_" + "0" * 40), {"authorization": "Basic !"}):
                reply = await client.request(method, path, json={"batch": [{}]}, headers=headers | own_address)
                assert reply.status_code == 401, (method, path, reply.text)
                assert "keys create" in reply.json()["remedy"]
            for token in (None, shop.token("mallory")):
                reply = await client.request(method, path, json={}, headers=bearer(shop.public_text, token))
                if PUBLIC_SCOPES & {needed, operation.get("x-self-scope")}:
                    opens = reply.status_code not in {401, 403}
                    assert opens or (token is None and "X-User-Token" in reply.json()["remedy"]), (path, reply.text)
                else:
                    assert (reply.status_code, reply.json()["code"]) == (403, "not_allowed"), (method, path)

    shop.run(use, ready=False)


@pytest.mark.parametrize("who", [None, "mallory"])
def test_the_public_key_and_a_victims_id_learn_nothing(shop: GuardedShop, who: str | None) -> None:
    async def use(client: Client) -> None:
        attacker = bearer(shop.public_text, None if who is None else shop.token(who))
        own = bearer(shop.secret_text)
        home = {"placement": "home", "user_id": VICTIM, "consent": {"personalisation": True}}
        assert (await client.post("/v1/recommendations", json=home, headers=own)).json()["personalised"]
        for path, body in [
            ("/v1/recommendations", {"placement": "home"}),
            ("/v1/recommendations/batch", {"blocks": [{"placement": "home"}]}),
            ("/v1/basket/complements", {"cart": ["i1"]}),
        ]:
            asked = await client.post(path, json=body | {"user_id": VICTIM}, headers=attacker)
            assert (asked.status_code, asked.json()["errors"][0]["pointer"]) == (403, "/user_id"), asked.text
            assert (await client.post(path, json=body | {"anonymous_id": VICTIM}, headers=attacker)).status_code == 200
        home = {"placement": "home", "anonymous_id": VICTIM}
        reply = await client.post("/v1/recommendations", json=home, headers=attacker)
        assert not reply.json()["personalised"]

    shop.run(use)


@pytest.mark.parametrize("who", [None, "mallory"])
def test_the_public_key_and_a_victims_id_change_nothing(shop: GuardedShop, who: str | None) -> None:
    properties = {"product_id": "i3", "order_id": "o", "products": [{"product_id": "i3"}], "loyalty_card": "4711"}
    withdrawal = {"consent": {"categoryPreferences": {"personalisation": False}}}

    async def use(client: Client) -> None:
        own = bearer(shop.secret_text)
        known = {"userId": VICTIM, "anonymousId": "v-1", "traits": {"loyalty_card": "4711"}, "context": CONSENT}
        assert (await client.post("/v1/identify", json=known, headers=own)).status_code == 200
        before = shop.kept()
        attacker = bearer(shop.public_text, None if who is None else shop.token(who))
        calls: list[tuple[str, dict[str, Any]]] = [
            ("track", {"event": event, "properties": properties, "context": CONSENT})
            for event in ("Product Viewed", "Product Added", "Order Completed", "Order Refunded", "Order Cancelled")
        ]
        calls += [
            ("track", {"event": "Consent Updated", "context": withdrawal}),
            ("identify", {"traits": {"loyalty_card": "4711", "email": "victim@example.org"}, "context": CONSENT}),
            ("alias", {"previousId": "evil", "context": CONSENT}),
            ("page", {"context": CONSENT}),
            ("screen", {"context": CONSENT}),
            ("group", {"groupId": "g", "context": CONSENT}),
        ]
        for path, body in calls:
            for named in ({"userId": VICTIM}, {"userId": VICTIM, "anonymousId": "evil"}):
                await client.post(f"/v1/{path}", json=body | named, headers=attacker)
                batch = {"batch": [{"type": path, **body, **named}], "writeKey": shop.secret_text[:-1]}
                assert (await client.post("/v1/batch", json=batch, headers=attacker)).status_code == 200
        after = shop.kept()
        assert after.pop(b"shopper:{a:evil}", None) is not None  # their own anonymous id: that much they may
        assert after == before

    shop.run(use)
    entries = [entry for _, entry in ConsentStore(shop.engine).changes(0, 100)]
    assert {(entry.subject, entry.vouched) for entry in entries} == {((ANONYMOUS_ID, "evil"), False)}


def test_a_verified_user_speaks_for_themselves(shop: GuardedShop) -> None:
    async def use(client: Client) -> None:
        ann = bearer(shop.public_text, shop.token("ann"))
        ask = {"placement": "home", "user_id": "ann", "consent": {"personalisation": True}}
        assert not (await client.post("/v1/recommendations", json=ask, headers=ann)).json()["personalised"]
        seen = {"event": "Product Viewed", "userId": "ann", "properties": {"product_id": "i3"}, "context": CONSENT}
        assert (await client.post("/v1/track", json=seen, headers=ann)).status_code == 200
        assert (await client.post("/v1/recommendations", json=ask, headers=ann)).json()["personalised"]

    shop.run(use)


def test_a_new_key_opens_and_a_revoked_one_closes_on_a_running_service(shop: GuardedShop) -> None:
    async def use(client: Client) -> None:
        key, text = shop.make_key("sk")
        ask = {"placement": "home"}
        await until(client, ask, bearer(text), 200)
        KeyStore(shop.engine).revoke(key.key_id, datetime.now(UTC))
        await until(client, ask, bearer(text), 401)

    shop.run(use)


async def until(client: Client, ask: dict[str, Any], headers: dict[str, str], status: int) -> None:
    async with asyncio.timeout(20):
        while (await client.post("/v1/recommendations", json=ask, headers=headers)).status_code != status:
            await asyncio.sleep(0.05)
