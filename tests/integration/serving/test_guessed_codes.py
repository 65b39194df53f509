"""Who tries codes that do not exist has to wait, over all workers; a till that redeems real coupons does not."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx

from features.keys import new_key
from features.ledger.values import SharedCode
from features.sql.key_store import KeyStore
from serving.coupons.guesses import FREE_CODES
from tests.integration.serving.desk import ALLOWANCE, Desk, ask, keyed
from tests.integration.serving.shop import NOW, Client, serving

LONG = "SUMMERSALEABCDEF"  # looks like the code of a single coupon
SPRING = SharedCode(
    code="SPRING-20", most_discount=90, stores=(), valid_from=NOW, valid_until=NOW + timedelta(days=9)
)  # fmt: skip

BASE32 = str.maketrans("0189", "WXYZ")


def key_of(desk: Desk) -> dict[str, str]:
    key, text = new_key("sk", "a till", NOW)
    KeyStore(desk.engine).add(key)
    return {"authorization": f"Bearer {text}"}


async def validate(client: Client, headers: dict[str, str], *codes: str) -> httpx.Response:
    return await client.post("/v1/coupons/validate", json=ask(*codes), headers=headers)


def guesses(start: int, n: int = 10) -> list[str]:
    """Half of them look like the code of a single coupon."""
    return [
        f"SPRING-{number}" if number % 2 else f"SUMMERSALE{number:06}".translate(BASE32)
        for number in range(start, start + n)
    ]


async def held_off(client: Client, headers: dict[str, str], *codes: str) -> dict[str, Any]:
    reply = await validate(client, headers, *codes)
    assert reply.status_code == 429, reply.text
    assert int(reply.headers["retry-after"]) >= 1
    assert reply.json()["code"] == "too_many_requests"
    return reply.json()


def allow(desk: Desk, campaign_id: str, shared: SharedCode) -> None:
    desk.ledger.allow(replace(ALLOWANCE, campaign_id=campaign_id, caps=(), shared=shared))


def test_who_guesses_waits_at_every_worker_and_nobody_else_does(desk: Desk) -> None:
    allow(desk, "spring", SPRING)
    coupon, guesser, neighbour = desk.issue(), key_of(desk), key_of(desk)

    async def use() -> None:
        async with serving(desk.app()) as one, serving(desk.app()) as other:
            for client in (one, other):
                await client.wait_until_ready()
                assert (await validate(client, guesser, "spring 20")).json()["valid"]
            for number in range(5):
                sale = ask(f"MAY-{number}", order_id="o")
                refused = await one.post("/v1/redemptions", json=sale, headers=guesser | keyed(f"k{number}"))
                assert (refused.status_code, refused.json()["code"]) == (409, "coupon_unknown")
            for start in range(100, 100 + FREE_CODES, 10):
                judged = (await validate(one, guesser, *guesses(start))).json()
                assert {verdict["reason"] for verdict in judged["coupons"]} == {"coupon_unknown"}
            unread = await held_off(one, guesser, "JUNE-20")
            assert (await held_off(one, guesser, "JULY-20", coupon.code))["title"] == unread["title"]
            async with asyncio.timeout(30):  # a failure here is soon shared, and tells of all the others
                while (await validate(other, guesser, "AUGUST-20")).status_code != 429:
                    await asyncio.sleep(0.1)
            for client in (one, other):
                assert (await validate(client, guesser, coupon.code.lower(), "Spring20")).json()["valid"]
                assert (await validate(client, neighbour, "SPRING-20")).json()["valid"]
            page = (await one.get("/metrics")).text
            assert f'recommender_coupon_codes_refused_total{{outcome="unknown"}} {FREE_CODES + 5}.0' in page
            assert 'recommender_coupon_codes_refused_total{outcome="held"} 3.0' in page

    asyncio.run(use())
    assert desk.ledger.verify() == []


def test_many_guesses_at_once_are_not_more_than_one_after_another(desk: Desk) -> None:
    guesser = key_of(desk)

    async def use(client: Client) -> None:
        calls = [validate(client, guesser, *guesses(start)) for start in range(0, 400, 10)]
        replies = await asyncio.gather(*calls)
        looked_at = sum(reply.status_code == 200 for reply in replies)
        assert looked_at == FREE_CODES // 10
        assert {reply.status_code for reply in replies} == {200, 429}

    desk.run(use)


def test_who_guessed_is_told_again_what_was_sold_and_still_sells_single_coupons(desk: Desk) -> None:
    allow(desk, "summer", replace(SPRING, code=LONG))
    coupon, till = desk.issue(), key_of(desk)
    sale = ask(LONG, order_id="o")

    async def use() -> None:
        async with serving(desk.app()) as one:
            await one.wait_until_ready()
            sold = await one.post("/v1/redemptions", json=sale, headers=till | keyed("sold"))
            assert sold.status_code == 201, sold.text
        async with serving(desk.app()) as restarted:
            await restarted.wait_until_ready()
            for start in range(100, 101 + FREE_CODES, 10):
                await validate(restarted, till, *guesses(start))
            await held_off(restarted, till, LONG)
            anew = await restarted.post("/v1/redemptions", json=sale, headers=till | keyed("anew"))
            assert anew.status_code == 429
            again = await restarted.post("/v1/redemptions", json=sale, headers=till | keyed("sold"))
            assert (again.status_code, again.content) == (201, sold.content)
            assert again.headers["idempotent-replayed"] == "true"
            single = ask(coupon.code.lower(), order_id="p")
            claimed = await restarted.post("/v1/redemptions", json=single, headers=till | keyed("single"))
            assert claimed.status_code == 201, claimed.text

    asyncio.run(use())
    assert desk.ledger.verify() == []
