"""Who may do what with coupons: tills of stores, shoppers with their token; and what the ledger notes of it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
from sqlalchemy import select

from features.identity import read_secret
from features.keys import Key, KeyKind, new_key, signing_secret
from features.ledger.values import Allowance, Balance, Cap, Limit, SharedCode
from features.sql.key_store import KeyStore
from features.sql.tables.ledger import ledger_entries, reservations
from serving.user_tokens import AUDIENCE
from tests.integration.serving.desk import ORDER, TERMS, Desk, ask, keyed
from tests.integration.serving.shop import NOW, Client
from tests.integration.serving.test_access import bearer

SPRING = Allowance(
    campaign_id="spring", version=1, state="open", timezone="UTC", currency="EUR", budget=Limit(3, 250), terms=TERMS,
    caps=(Cap(1, "campaign", "shopper"),),
    shared=SharedCode(
        code="SPRING-20", most_discount=90, stores=("s1",), valid_from=NOW, valid_until=NOW + timedelta(days=9)
    ),
)  # fmt: skip
ANN = {"shopper": {"kind": "user_id", "value": "ann"}}


def made_key(desk: Desk, kind: KeyKind, **facts: Any) -> tuple[Key, str]:
    key, text = new_key(kind, "a test's", NOW, **facts)
    KeyStore(desk.engine).add(key)
    return key, text


def test_a_till_acts_in_its_store_alone_and_the_ledger_names_its_key(desk: Desk) -> None:
    coupon, (key, text) = desk.issue(stores=("s1", "s2")), made_key(desk, "rk", scopes=("coupons:redeem", "store:s1"))
    _, elsewhere = made_key(desk, "rk", scopes=("coupons:redeem", "store:s2"))

    async def use(client: Client) -> None:
        async def call(path: str, body: object, name: str, till: str = text) -> Any:
            return await client.post(path, json=body, headers=keyed(name) | bearer(till))

        for path in ("/v1/coupons/validate", "/v1/reservations", "/v1/redemptions"):
            body = ask(coupon.code, store_id="s2") | (ORDER if path == "/v1/redemptions" else {})
            refused = await call(path, body, "k0")
            assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
        made = (await call("/v1/reservations", ask(coupon.code), "k1")).json()
        path = f"/v1/reservations/{made['reservation_id']}"
        refused = [
            await call(f"{path}/redeem", ORDER, "k2", elsewhere),
            await client.delete(path, headers=bearer(elsewhere)),
        ]
        [used] = (await call(f"{path}/redeem", ORDER, "k3")).json()["redemptions"]
        back = f"/v1/redemptions/{used['redemption_id']}/rollback"
        refused.append(await call(back, {}, "k4", elsewhere))
        assert [(one.status_code, one.json()["code"]) for one in refused] == [(409, "wrong_store")] * 3
        assert (await call(back, {}, "k4")).status_code == 200
        wallet = await client.get("/v1/me/wallet?user_id=ann", headers=bearer(text))
        assert wallet.status_code == 403  # a till sees no wallets

    desk.run(use)
    with desk.engine.connect() as connection:
        entries = connection.execute(select(ledger_entries.c.kind, ledger_entries.c.actor)).all()
        claims = connection.execute(select(reservations.c.made_by, reservations.c.ended_by)).all()
    assert [tuple(one) for one in entries] == [("hold", "system"), ("post", key.key_id), ("rollback", key.key_id)]
    assert [tuple(one) for one in claims] == [(key.key_id, key.key_id)]


def test_a_wallet_opens_with_the_user_token_of_its_shopper(desk: Desk) -> None:
    coupon, (public, text) = desk.issue(), made_key(desk, "pk")
    bobs = desk.issue("d2", holder=("user_id", "bob"))
    secret = signing_secret(read_secret(desk.settings), public.key_id)

    def token(user: str) -> str:
        return jwt.encode({"sub": user, "aud": AUDIENCE, "exp": NOW + timedelta(minutes=30)}, secret)

    async def use(client: Client) -> None:
        bare = await client.get("/v1/me/wallet", headers=bearer(text))
        assert (bare.status_code, bare.json()["code"]) == (403, "not_allowed")
        for user, own in (("ann", coupon), ("bob", bobs)):
            mine = await client.get("/v1/me/wallet", headers=bearer(text, token(user)))
            assert [one["coupon_id"] for one in mine.json()["coupons"]] == [own.coupon_id]
        others = await client.get("/v1/me/wallet?user_id=bob", headers=bearer(text, token("ann")))
        assert others.status_code == 403
        used = await client.post("/v1/redemptions", json=ask(coupon.code) | ORDER, headers=keyed("k") | bearer(text))
        assert used.status_code == 403

    desk.run(use)


def test_a_shared_code_is_used_once_by_each_and_validating_it_keeps_nothing(desk: Desk) -> None:
    desk.ledger.allow(SPRING)

    async def use(client: Client) -> None:
        async def call(path: str, name: str, *codes: str, **more: Any) -> Any:
            return await client.post(path, json=ask(*codes, **more), headers=keyed(name))

        judged = (await call("/v1/coupons/validate", "", "spring 20", **ANN)).json()["coupons"][0]
        assert (judged["valid"], judged["campaign_id"], judged["discount"]) == (True, "spring", 66)
        assert desk.ledger.balances("spring") == {}
        unknown = (await call("/v1/coupons/validate", "", "SPRING-20")).json()["coupons"][0]
        assert (unknown["valid"], unknown["reason"]) == (False, "shopper_required")
        twice = await call("/v1/redemptions", "k1", "SPRING-20", "SPRING20", **ANN, **ORDER)
        assert (twice.status_code, twice.json()["errors"][0]["detail"]) == (422, "A coupon is shown twice.")
        first = await call("/v1/redemptions", "k2", "SPRING-20", **ANN, **ORDER)
        again = await call("/v1/redemptions", "k2", "SPRING-20", **ANN, **ORDER)
        assert (first.status_code, again.content) == (201, first.content), first.text
        more = await call("/v1/redemptions", "k3", "SPRING-20", **ANN, **ORDER)
        assert (more.status_code, more.json()["code"]) == (409, "frequency_cap")
        assert (await client.get("/v1/me/wallet?user_id=ann")).json() == {"coupons": []}

    desk.run(use)
    assert desk.ledger.balances("spring")["store", "s1", ""] == Balance(posted_count=1, posted_money=66)
    desk.ledger.allow(replace(SPRING, state="closed"))
