"""Offers in mails over HTTP: who is shown one, and who gets its coupon."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from features.sql.campaign_store import CampaignStore
from features.sql.consent_store import ConsentStore
from recommender.consent import MARKETING_EMAIL, Entry, State
from serving.catalogue.overlay import CatalogueOverlay
from tests.integration.email.mailing import BROWSER, CODE, MailShop, to
from tests.integration.serving.aisle import CAMPAIGN
from tests.integration.serving.shop import Client
from tests.integration.serving.test_withdrawal import never_follow


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> MailShop:
    return MailShop(tmp_path, valkey_data_dir)


def test_a_budget_of_three_gives_three_of_ten_who_press_at_once_a_coupon(shop: MailShop) -> None:
    shop.campaign("few", budget={"count": 3}, caps=[{"most": 1, "of": "shopper"}])
    users = [f"u{number}" for number in range(10)]

    async def use(client: Client) -> None:
        await shop.agree(client, *users)
        blocks = await shop.send(client, *to(*users), campaign_id="few", title="A tenth <off>", terms="Once & only.")
        links = [block["offer"]["url"] for block in blocks]
        for block, link in zip(blocks, links, strict=True):
            assert "A tenth &lt;off&gt;" in block["html"]
            assert link in block["html"]
        page = await client.get(links[0], headers=BROWSER)
        assert 'method="post"' in page.text
        assert "A tenth &lt;off&gt;" in page.text
        assert shop.n_coupons() == 0
        replies = await asyncio.gather(*(client.post(link, headers=BROWSER) for link in links * 2))
        codes = [CODE.findall(reply.text) for reply in replies]
        assert codes[:10] == codes[10:]  # pressed again, it is the same
        won = [place for place, found in enumerate(codes[:10]) if found]
        assert len({code for [code] in filter(None, codes)}) == len(won) == 3
        assert {reply.status_code for reply in replies} == {200, 409}
        assert (shop.n_coupons(), shop.n_contacts()) == (3, 10 + 3)  # each message is one, and each coupon
        lost = next(place for place in range(10) if place not in won)
        assert "https://shop.example/" in replies[lost].text
        assert CODE.findall((await client.get(links[won[0]], headers=BROWSER)).text) == codes[won[0]]
        [late] = await shop.send(client, *to("u0"), send="s2", campaign_id="few")
        assert (late["offer"], late["no_offer"]) == (None, "budget_exhausted")
        [code] = codes[won[0]]
        basket = {"currency": "EUR", "lines": [{"item_id": "i5", "quantity": 1, "amount": 300}]}
        sale = {"coupons": [code], "store_id": "berlin", "basket": basket, "order_id": "o1"}
        till = await client.post("/v1/redemptions", json=sale, headers=shop.secret_headers() | {"Idempotency-Key": "o"})
        assert till.status_code == 201, till.text
        assert (await client.get(links[won[0]], headers=BROWSER)).status_code == 410  # it is over

    shop.run(use)
    assert shop.ledger.verify() == []


def test_programs_and_those_who_left_get_no_coupon(shop: MailShop) -> None:
    async def use(client: Client) -> None:
        await shop.agree(client, "ann", "bob", "eve")
        ann, bob, eve = [block["offer"]["url"] for block in await shop.send(client, *to("ann", "bob", "eve"))]
        agents = ["", "Mozilla/5.0", "Barracuda Sentinel (EE)", "GoogleImageProxy", "curl/8"]
        for agent in agents:
            for method in ("HEAD", "GET", "POST"):
                assert (await client.request(method, ann, headers={"user-agent": agent})).status_code == 200
        await client.post(ann, headers=BROWSER | {"sec-purpose": "prefetch"})
        assert shop.n_coupons() == 0
        first = CODE.findall((await client.post(ann, headers=BROWSER)).text)
        await shop.agree(client, "ann", "bob", state="withdrawn")
        assert CODE.findall((await client.post(ann, headers=BROWSER)).text) == first  # what one has one keeps
        assert (await client.post(bob, headers=BROWSER)).status_code == 409
        problem = await client.post(bob, headers=BROWSER | {"accept": "*/*"})
        assert (problem.status_code, problem.json()["code"]) == (409, "no_coupon")
        CampaignStore(shop.engine).move("bread", "kill")
        assert (await client.post(eve, headers=BROWSER)).status_code == 409
        assert (shop.n_coupons(), shop.n_contacts()) == (1, 3 + 1)
        token = eve.rsplit("/", 1)[1]
        for wrong in (token[:-1], token + "A", token[::-1], "x", "%00"):
            for method in ("GET", "POST"):
                reply = await client.request(method, f"/e/o/{wrong}", headers=BROWSER)
                assert reply.status_code == 410
        assert (await client.get(eve.replace("/o/", "/c/"), headers=BROWSER)).status_code == 410

    shop.run(use)


def test_a_no_that_this_worker_has_not_heard_of_counts(shop: MailShop, monkeypatch: pytest.MonkeyPatch) -> None:
    catch_up, is_deaf = CatalogueOverlay.catch_up, list[bool]()

    async def catch_up_unless_deaf(overlay: CatalogueOverlay) -> None:
        if not is_deaf:
            await catch_up(overlay)

    monkeypatch.setattr(CatalogueOverlay, "catch_up", catch_up_unless_deaf)
    monkeypatch.setattr(CatalogueOverlay, "follow", never_follow)

    async def use(client: Client) -> None:
        await shop.agree(client, "ann")
        [block] = await shop.send(client, *to("ann"))
        is_deaf.append(True)
        no = Entry(
            entry_id="no", subject=("user_id", "ann"), purpose=MARKETING_EMAIL, state=State.WITHDRAWN,
            occurred_at=shop.now, received_at=shop.now, channel="shop",
        )  # fmt: skip
        ConsentStore(shop.engine).append([no])
        assert (await client.post(block["offer"]["url"], headers=BROWSER)).status_code == 409
        assert (shop.n_coupons(), shop.n_contacts()) == (0, 1)

    shop.run(use)


def test_who_is_not_meant_sees_no_offer_and_why_is_said(shop: MailShop) -> None:
    shop.campaign("known", eligibility="count(orders within 90 days) >= 2")
    shop.campaign("paris", stores=["paris"])
    shop.campaign("nobody", holdout=0.999999999)
    shop.campaign("phones", caps=[{"most": 1, "of": "device"}])
    shop.campaign("over", valid_until="1970-01-03T00:00:00")
    shop.campaign("twice", topic="")
    shop.campaign("wine")
    CampaignStore(shop.engine).move("milk", "pause")
    for number in range(2, 40, 5):
        shop.change(f"i{number}", stock=0)
    berlin = {"user_id": "ann", "store_id": "berlin"}
    reasons = {"known": "not_eligible", "paris": "not_eligible", "nobody": "holdout", "phones": "not_eligible",
               "over": "killed", "milk": "killed", "wine": "out_of_stock", "twice": None}  # fmt: skip

    async def use(client: Client) -> None:
        await shop.agree(client, "ann")
        for name, reason in reasons.items():
            shop.later(days=1)  # or she would have too many mails
            [block] = await shop.send(client, berlin, send=f"to-{name}", campaign_id=name)
            assert (block["no_offer"], block["offer"] is None) == (reason, reason is not None), name
            assert block["items"]
        again = await shop.send(client, berlin, send="to-twice", campaign_id="twice")
        CampaignStore(shop.engine).move("twice", "kill")
        assert await shop.send(client, berlin, send="to-twice", campaign_id="twice") == again

    shop.run(use)


def test_a_campaign_that_no_mail_may_offer_is_refused_by_name(shop: MailShop) -> None:
    store = CampaignStore(shop.engine)
    store.create("health", CAMPAIGN | {"sensitive": True})
    store.create("one-code", CAMPAIGN | {"codes": "generic"})
    block = {"block_id": "top", "placement": "home"}
    wrong: list[tuple[list[dict[str, Any]], int, str]] = [
        ([block | {"offer": {"campaign_id": name}}], status, "/blocks/0/offer/campaign_id")
        for name, status in (("none", 404), ("health", 422), ("one-code", 422))
    ]
    same = {"offer": {"campaign_id": "bread"}}
    wrong += [([block | same, block | same | {"block_id": "b"}], 422, "")]
    wrong += [([block | {"offer": {"campaign_id": "bread", "days": 91}}], 422, "/blocks/0/offer/days")]
    wrong += [([block | {"words": {"view": ""}}], 422, "/blocks/0/words/view")]

    async def use(client: Client) -> None:
        for blocks, status, pointer in wrong:
            body = {"send_id": "s1", "recipients": to("ann"), "blocks": blocks}
            reply = await client.post("/v1/email/blocks", json=body, headers=shop.secret_headers())
            assert reply.status_code == status, reply.text
            assert pointer in [error["pointer"] for error in reply.json().get("errors", [{"pointer": ""}])], reply.text

    shop.run(use)


def test_a_mail_speaks_its_own_language(shop: MailShop) -> None:
    async def use(client: Client) -> None:
        await shop.agree(client, "ann")
        words = {"view": "Ansehen", "redeem": "Zum Gutschein"}
        block = {"block_id": "top", "placement": "home", "images": "none", "words": words} | {
            "offer": {"campaign_id": "bread"}
        }
        body = {"send_id": "s1", "locale": "de-DE", "recipients": to("ann"), "blocks": [block]}
        reply = await client.post("/v1/email/blocks", json=body, headers=shop.secret_headers())
        [made] = reply.json()["recipients"][0]["blocks"]
        assert "Ansehen" in made["html"]
        assert "View" not in made["html"]
        assert "Zum Gutschein" in (await client.get(made["offer"]["url"], headers=BROWSER)).text

    shop.run(use)
