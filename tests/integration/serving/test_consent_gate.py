"""The gate over HTTP: without a permission every route answers as to a stranger, and keeps nothing of anybody."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from features.sql.consent_store import ConsentStore
from recommender.consent import State
from tests.builders import said
from tests.integration.serving.markets import kept, two_markets
from tests.integration.serving.shop import NOW, REGULAR, Client, Shop

CONTEXT = {"store_id": "s1", "cart": ["i8"]}


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> Shop:
    return two_markets(tmp_path, valkey_data_dir)


async def ask_everywhere(client: Client, who: Mapping[str, Any], headers: Mapping[str, str]) -> list[Any]:
    """What each route shows, with all that could tell two callers apart."""
    page = {"blocks": [{"placement": "home"}, {"placement": "buy_again"}]}
    calls = [
        ("/v1/recommendations", {"placement": "home", "limit": 20}),
        ("/v1/recommendations/batch", page),
        ("/v1/basket/complements", {}),
    ]
    shown = list[Any]()
    for path, body in calls:
        reply = await client.post(path, json={**body, **CONTEXT, **who}, headers=headers)
        assert reply.status_code == 200, reply.text
        for block in reply.json().get("blocks", [reply.json()]):
            del block["recommendation_id"]
            shown.append(block)
    return shown


@pytest.mark.parametrize(
    ("ledger", "call", "headers"),
    [
        (None, {}, {}),
        (None, {"consent": {"personalisation": False}, "market": "nevada"}, {}),
        (None, {"consent": {"personalisation": True}}, {"sec-gpc": "1"}),
        (None, {"consent": {"personalisation": True}, "age": 15}, {}),
        (State.DENIED, {"consent": {"personalisation": True}}, {}),
        (State.WITHDRAWN, {"market": "nevada"}, {}),
        (State.GRANTED, {"market": "nevada"}, {"sec-gpc": "1"}),
        (State.GRANTED, {"consent": {"personalisation": False}}, {}),
    ],
)
def test_without_permission_the_answer_is_a_strangers_and_nothing_is_kept(
    shop: Shop, ledger: State | None, call: dict[str, Any], headers: dict[str, str]
) -> None:
    """Invariant 16."""
    if ledger is not None:
        ConsentStore(shop.engine).append([said(REGULAR, ledger, NOW)])
    who = {"user_id": REGULAR, "anonymous_id": "a", "session_id": "s"}
    before, _ = kept(shop)

    async def use(client: Client) -> None:
        age = {name: value for name, value in call.items() if name == "age"}
        stranger = await ask_everywhere(client, age, {})
        assert await ask_everywhere(client, who | call, headers) == stranger
        assert not any(block["personalised"] for block in stranger)

    shop.run(use)
    after, rows = kept(shop)
    assert after == before
    assert len(rows) >= 8
    assert {row[name] for row in rows for name in ("user_id", "anonymous_id", "session_id", "identifiers")} == {None}


@pytest.mark.parametrize(
    ("ledger", "call"),
    [
        (State.GRANTED, {}),
        (None, {"consent": {"personalisation": True}}),
        (None, {"market": "nevada"}),
    ],
)
def test_with_permission_the_answer_is_personal(shop: Shop, ledger: State | None, call: dict[str, Any]) -> None:
    if ledger is not None:
        ConsentStore(shop.engine).append([said(REGULAR, ledger, NOW)])

    async def use(client: Client) -> None:
        shown = await ask_everywhere(client, {"user_id": REGULAR} | call, {})
        assert shown[0]["personalised"]

    shop.run(use)


def test_a_market_that_is_none_is_refused_by_name(shop: Shop) -> None:
    async def use(client: Client) -> None:
        reply = await client.post("/v1/recommendations", json={"placement": "home", "market": "atlantis"})
        assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, "/market")

    shop.run(use)
