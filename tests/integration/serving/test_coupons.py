"""Coupons over HTTP: a till validates, reserves, redeems and rolls back; a shopper sees the wallet."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import Engine

from features.ledger.books import lock_campaigns
from features.ledger.values import Balance
from recommender.offers.token import read_key_set, verify
from tests.integration.serving.desk import ALLOWANCE, BASKET, ORDER, Desk, ask, keyed
from tests.integration.serving.shop import NOW, Client


def test_a_till_reserves_redeems_and_rolls_back_and_every_repetition_is_answered_alike(desk: Desk) -> None:
    coupon = desk.issue()

    async def use(client: Client) -> None:
        judged = (await client.post("/v1/coupons/validate", json=ask(coupon.code))).json()
        assert judged["valid"]
        assert judged["coupons"][0]["allocations"] == [{"line": 0, "amount": 66}]  # a fifth of 333, not of i9
        made = await client.post("/v1/reservations", json=ask(coupon.code), headers=keyed("k1"))
        assert made.status_code == 201, made.text
        path = f"/v1/reservations/{made.json()['reservation_id']}/redeem"
        first = await client.post(path, json={"order_id": "o1"}, headers=keyed("k2"))
        again = await client.post(path, json={"order_id": "o1"}, headers=keyed("k2"))
        other = await client.post(path, json={"order_id": "o2"}, headers=keyed("k2"))
        assert (first.status_code, again.content, other.status_code) == (200, first.content, 422), first.text
        assert again.headers["idempotent-replayed"] == "true"
        assert other.json()["code"] == "idempotency_key_reused"
        twice = await client.post(path, json={"order_id": "o1"}, headers=keyed("k3"))
        assert (twice.status_code, twice.json()["code"]) == (409, "reservation_redeemed")
        [used] = first.json()["redemptions"]
        back = f"/v1/redemptions/{used['redemption_id']}/rollback"
        assert (await client.post(back, json={"amount": 60}, headers=keyed("k4"))).json()["rolled_back"] == 60
        more = await client.post(back, json={"amount": 7}, headers=keyed("k5"))
        assert (more.status_code, more.json()["code"]) == (409, "more_than_remains")
        assert (await client.post(back, json={}, headers=keyed("k6"))).json()["state"] == "rolled_back"

    desk.run(use)
    assert desk.ledger.verify() == []
    assert all(balance.posted_count == balance.posted_money == 0 for balance in desk.ledger.balances("fifth").values())


def test_a_released_coupon_is_free_again_and_a_reserved_one_is_not(desk: Desk) -> None:
    coupon = desk.issue()

    async def use(client: Client) -> None:
        made = await client.post("/v1/reservations", json=ask(coupon.code), headers=keyed("k1"))
        taken = await client.post("/v1/redemptions", json=ask(coupon.code, order_id="o"), headers=keyed("k2"))
        assert (taken.status_code, taken.json()["code"]) == (409, "already_reserved")
        for _ in range(2):
            gone = await client.delete(f"/v1/reservations/{made.json()['reservation_id']}")
            assert gone.status_code == 204
        used = await client.post("/v1/redemptions", json=ask(coupon.code, order_id="o"), headers=keyed("k2"))
        assert used.status_code == 201, used.text  # the key of a refused call is free

    desk.run(use)


MISFITS: dict[str, dict[str, Any]] = {
    "wrong_store": {"store_id": "s2"},
    "wrong_currency": {"basket": BASKET | {"currency": "USD"}},
    "no_effect": {"basket": BASKET | {"lines": BASKET["lines"][1:]}},
    "condition_not_met": {"basket": BASKET | {"lines": [{"item_id": "i1", "quantity": 1, "amount": 199}]}},
    "coupon_unknown": {"coupons": ["MFRGGZDFMZTWQ2LK"]},
    "token_invalid": {"coupons": ["a.b.c"]},
    "wrong_shopper": {"shopper": {"kind": "user_id", "value": "bob"}},
    "shopper_required": {"shopper": None},
}


def test_what_does_not_fit_is_refused_by_reason_and_changes_nothing(desk: Desk) -> None:
    coupon = desk.issue(bound=True)
    before = desk.ledger.balances("fifth")
    fits = ask(coupon.code, shopper={"kind": "user_id", "value": "ann"})
    unknown_item = {"basket": BASKET | {"lines": [{"item_id": "never", "quantity": 1, "amount": 900}]}}

    async def use(client: Client) -> None:
        for reason, change in [*MISFITS.items(), ("no_effect", unknown_item)]:
            judged = (await client.post("/v1/coupons/validate", json=fits | change)).json()
            assert [one["reason"] for one in judged["coupons"]] == [reason]
            refused = await client.post("/v1/redemptions", json=fits | change | {"order_id": "o"}, headers=keyed("k"))
            assert (refused.status_code, refused.json()["code"]) == (409, reason)
        assert desk.ledger.balances("fifth") == before
        assert (await client.post("/v1/coupons/validate", json=fits)).json()["valid"]

    desk.run(use)


def test_a_call_without_a_key_or_with_a_field_too_many_is_refused(desk: Desk) -> None:
    coupon = desk.issue()

    async def use(client: Client) -> None:
        bare = await client.post("/v1/reservations", json=ask(coupon.code))
        assert (bare.status_code, bare.json()["code"]) == (400, "idempotency_key_missing")
        more = await client.post("/v1/reservations", json=ask(coupon.code, cheat=1), headers=keyed("k"))
        assert (more.status_code, more.json()["errors"][0]["pointer"]) == (422, "/cheat")

    desk.run(use)


def test_the_wallet_shows_what_can_be_used_and_its_token_verifies_with_the_published_keys(desk: Desk) -> None:
    coupon = desk.issue()

    async def use(client: Client) -> None:
        [card] = (await client.get("/v1/me/wallet?user_id=ann")).json()["coupons"]
        assert (card["coupon_id"], card["code"]) == (coupon.coupon_id, coupon.code)
        keys = read_key_set((await client.get("/.well-known/coupon-keys")).json())
        assert verify(card["token"], keys, NOW, "s1").c == coupon.coupon_id
        used = await client.post("/v1/redemptions", json=ask(card["token"], order_id="o"), headers=keyed("k"))
        assert used.status_code == 201, used.text
        assert (await client.get("/v1/me/wallet?user_id=ann")).json() == {"coupons": []}

    desk.run(use)


def test_a_killed_campaign_honours_nothing(desk: Desk) -> None:
    coupon = desk.issue()
    desk.ledger.allow(replace(ALLOWANCE, state="killed"))

    async def use(client: Client) -> None:
        refused = await client.post("/v1/redemptions", json=ask(coupon.code, order_id="o"), headers=keyed("k"))
        assert refused.json()["code"] == "killed"

    desk.run(use)


def test_a_call_that_is_under_way_is_not_begun_again(desk: Desk) -> None:
    coupon = desk.issue()

    async def use(client: Client) -> None:
        def call() -> Awaitable[httpx.Response]:
            return client.post("/v1/redemptions", json=ask(coupon.code, order_id="o"), headers=keyed("k"))

        with desk.ledger.writing() as books:  # somebody is at the campaign: the first call waits
            lock_campaigns(books.connection, ["fifth"])
            calls = [asyncio.ensure_future(call()) for _ in range(2)]
            if desk.engine.dialect.name == "postgresql":
                [second], _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
                told = second.result()
                assert (told.status_code, told.json()["code"], told.headers["retry-after"]) == (
                    409,
                    "still_running",
                    "1",
                )
        used = [answer for answer in await asyncio.gather(*calls) if answer.status_code == 201]
        again = await call()
        assert {answer.content for answer in used} == {again.content}
        assert again.headers["idempotent-replayed"] == "true"

    desk.run(use)
    assert desk.ledger.balances("fifth")["campaign", "", ""] == Balance(posted_count=1, posted_money=66)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_without_its_database_every_call_is_put_off(desk: Desk) -> None:
    coupon = desk.issue()
    name = desk.engine.url.database

    async def use(client: Client) -> None:
        def call(path: str, **more: Any) -> Awaitable[httpx.Response]:
            return client.post(path, json=ask(coupon.code, **more), headers=keyed(path))

        with psycopg.connect(url_of_administrator(desk.engine), autocommit=True) as administrator:
            administrator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            administrator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            for path, more in (("/v1/coupons/validate", {}), ("/v1/reservations", {}), ("/v1/redemptions", ORDER)):
                away = await call(path, **more)
                assert (away.status_code, away.json()["code"], away.headers["retry-after"]) == (
                    503, "store_unavailable", "1",
                )  # fmt: skip
                assert coupon.code not in away.text
            administrator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert desk.ledger.balances("fifth")["campaign", "", ""] == Balance(1, 0, 90, 0)
        assert (await call("/v1/redemptions", **ORDER)).status_code == 201

    desk.run(use)


def url_of_administrator(engine: Engine) -> str:
    """Of the same server's own database."""
    return engine.url.set(drivername="postgresql", database="template1").render_as_string(hide_password=False)
