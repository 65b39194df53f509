"""The preference centre over HTTP: who has a link may choose, and no one else; looking changes nothing."""

import html
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.identity import read_secret
from features.preference_links import make_link, read_link
from features.sql.audit_store import Wanted, read_newest
from recommender.errors import NotAllowed
from tests.integration.consents.test_choices import post, said, state_in
from tests.integration.serving.shop import NOW, Client, Shop

BROWSER = {"accept": "text/html"}
SECRET = b"s" * 32
CONTENT_TYPE = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> Shop:
    shop = Shop(tmp_path, redis_url=f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}")
    shop.publish("a1")
    return shop


def link_of(shop: Shop, user: str = "ann") -> str:
    return "/preferences?t=" + make_link(read_secret(shop.settings), ("user_id", user), NOW + timedelta(days=1))


def fields_of(page: str) -> dict[str, str]:
    """What the first form of the page sends as it stands."""
    form = page.split("</form>")[0]
    inputs = [
        dict(re.findall(r'(\w+)="([^"]*)"', found)) | {"on": " checked" in found}
        for found in re.findall(r"<input[^>]*>", form)
    ]
    sent = {one["name"]: one["value"] for one in inputs if one["type"] == "hidden" or one["on"]}
    for name, options in re.findall(r'<select id="[^"]*" name="([^"]*)">(.*?)</select>', form, re.DOTALL):
        sent[name] = re.search(r'value="([^"]*)" selected', options + 'value="" selected').group(1)  # type: ignore[union-attr]
    return {html.unescape(name): html.unescape(str(value)) for name, value in sent.items()} | {"action": "save"}


async def send(client: Client, link: str, **changed: str) -> httpx.Response:
    page = await client.get(link)
    return await client.post(link, data=fields_of(page.text) | changed, headers=BROWSER)


async def history(client: Client) -> list[dict[str, Any]]:
    return (await client.get("/v1/profiles/user_id:ann/consents")).json()["history"]


def test_what_is_chosen_on_the_page_holds_everywhere_and_only_that_is_written(shop: Shop) -> None:
    async def use(client: Client) -> None:
        await post(client, said("granted"), said("granted", "marketing_email"))
        link = link_of(shop)
        assert (await send(client, link)).status_code == 303
        assert len(await history(client)) == 2  # nothing was touched, so nothing is written
        changed = {"personalisation": "no", "often:email": "weekly", "about:sms:recipes": "", "pause": "30"}
        reply = await send(client, link, **changed)
        assert reply.status_code == 303
        seen = await client.get(link.partition("?")[0] + reply.headers["location"])
        assert "Your choices are saved" in seen.text
        assert "on the web" in seen.text
        known = (await client.get("/v1/profiles/user_id:ann/consents")).json()
        assert (state_in(known), state_in(known, "marketing_email")) == ("withdrawn", "granted")
        added = known["history"][2:]
        assert {one.actor for one in read_newest(shop.engine, Wanted(), 2)} == {"shopper"}
        assert {one["source"]["form"] for one in added} == {"preference-centre"}
        assert sorted(one["type"] for one in added) == ["consent", "preference", "preference", "preference"]
        assert added[0]["notice_version"]
        wishes = known["preferences"]
        assert {"channel": "sms", "topic": "recipes", "frequency": "never"} in wishes["frequencies"]
        assert wishes["paused_until"]["email"] == (NOW + timedelta(days=30)).isoformat().replace("+00:00", "Z")

    shop.run(use, ready=False)


def test_a_page_left_open_does_not_take_back_what_was_said_elsewhere_meanwhile(shop: Shop) -> None:
    async def use(client: Client) -> None:
        await post(client, said("granted"))
        link = link_of(shop)
        open_page = fields_of((await client.get(link)).text)
        await post(client, said("withdrawn"))
        reply = await client.post(link, data=open_page | {"analytics": "yes"}, headers=BROWSER)
        assert reply.status_code == 303
        known = (await client.get("/v1/profiles/user_id:ann/consents")).json()
        assert (state_in(known), state_in(known, "analytics")) == ("withdrawn", "granted")

    shop.run(use, ready=False)


def test_one_click_stops_all_messages(shop: Shop) -> None:
    async def use(client: Client) -> None:
        await post(client, said("granted", "marketing_email"), said("granted"))
        link = link_of(shop)
        form = fields_of((await client.get(link)).text)["form"]
        assert (await client.post(link, data={"form": form, "action": "stop"})).status_code == 303
        known = (await client.get("/v1/profiles/user_id:ann/consents")).json()
        states = [state_in(known, f"marketing_{channel}") for channel in ("email", "push", "sms")]
        assert states == ["withdrawn", "denied", "denied"]
        assert state_in(known) == "granted"

    shop.run(use, ready=False)


def test_without_a_link_of_ours_nothing_is_seen_or_changed(shop: Shop) -> None:
    async def use(client: Client) -> None:
        await post(client, said("granted"))
        link, of_bob = link_of(shop), link_of(shop, "bob")
        fields = fields_of((await client.get(link)).text) | {"personalisation": "no"}
        ended = "/preferences?t=" + make_link(read_secret(shop.settings), ("user_id", "ann"), NOW)
        for bad in ("/preferences?t=x", link[:-2], ended, "/preferences?t=" + "é" * 9, "/preferences?t=%00"):
            for reply in (await client.get(bad, headers=BROWSER), await client.post(bad, data=fields, headers=BROWSER)):
                assert (reply.status_code, reply.headers["content-type"]) == (403, "text/html; charset=utf-8"), bad
            plain = await client.get(bad)
            assert (plain.status_code, plain.json()["code"]) == (403, "not_allowed")
        bobs = fields_of((await client.get(of_bob)).text)["form"]
        for broken in ({"form": "x"}, {"form": ""}, {"form": bobs}, {"personalisation": "maybe"}):
            refused = await client.post(link, data=fields | broken, headers=BROWSER)
            assert refused.status_code in {403, 422}
        strange = {**BROWSER, "sec-fetch-site": "cross-site"}
        assert (await client.post(link, data=fields, headers=strange)).status_code == 403
        assert (await client.post(link, content=b"\xff=%ff&" * 300, headers=CONTENT_TYPE)).status_code == 422
        assert len(await history(client)) == 1

    shop.run(use, ready=False)


def test_the_page_is_private_escaped_and_says_that_an_opt_out_is_honoured(shop: Shop) -> None:
    async def use(client: Client) -> None:
        await post(client, said("granted", source={"channel": "<script>alert(1)</script>", "system": "crm"}))
        reply = await client.get(link_of(shop), headers={"sec-gpc": "1"})
        assert "<script" not in reply.text
        assert "Opt-out request honoured" in reply.text
        assert "Opt-out request honoured" not in (await client.get(link_of(shop))).text
        assert "ann" not in re.findall(r"\w+", reply.text)
        headers = reply.headers
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        gpc = (await client.get("/.well-known/gpc.json")).json()
        assert gpc["gpc"] is True

    shop.run(use, ready=False)


@given(st.text(min_size=1, max_size=50), st.integers(0, 200), st.sampled_from("0aZ_-"))
def test_a_link_tells_nothing_and_no_character_of_it_can_be_changed(user: str, place: int, other: str) -> None:
    token = make_link(SECRET, ("user_id", user), NOW + timedelta(days=1))
    assert read_link(SECRET, token, NOW) == ("user_id", user)
    place %= len(token) - 1  # of the last character some bits say nothing
    changed = token[:place] + other + token[place + 1 :]
    if changed != token:
        with pytest.raises(NotAllowed):
            read_link(SECRET, changed, NOW)
    with pytest.raises(NotAllowed):
        read_link(SECRET, token, NOW + timedelta(days=2))
