"""The links of mails over HTTP: where they lead, who followed them, what pictures show, and unsubscribing."""

import asyncio
import base64
import tomllib
from datetime import timedelta
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from redis import Redis

from features.email_links import Purpose, seal, unseal
from features.events.drain import read_rows
from features.identity import read_secret
from features.mails import block_ref
from features.offline.attribution import attribute
from features.online.embedded import socket_path
from features.online.keys import EVENT_STREAM
from features.sql.audit_store import Wanted, read_newest
from features.sql.consent_store import ConsentStore
from recommender.consent import MARKETING_EMAIL, Entry, State
from recommender.errors import LinkEnded, LinkInvalid
from serving.app import create_app
from serving.email import link_routes
from serving.email.pictures import Shown, draw
from serving.email.visitors import SCANNERS
from tests.integration.serving.shop import NOW, Client, Shop, serving

BROWSER = {"user-agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605.1.15"}
SECRET = b"s" * 32
EVIL = [
    "//evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "https://shop.example@evil.example/",
    "/\\evil",
]


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> Shop:
    shop = Shop(
        tmp_path, redis_url=f"unix://{socket_path(valkey_data_dir)}", public_url="http://shop",
        shop_url="https://shop.example/", link_hosts="outlet.example",
    )  # fmt: skip
    for number in range(40):
        shop.change(f"i{number}", url=f"https://shop.example/p/{number}?a=1#top")
    shop.publish("a1")
    return shop


async def block_of(client: Client, user: str = "regular", send: str = "s1", **block: Any) -> dict[str, Any]:
    said = [
        {"user_id": user, "purpose": purpose, "state": "granted", "source": {"channel": "web"}}
        for purpose in ("marketing_email", "personalisation")
    ]
    assert (await client.post("/v1/consents", json={"consents": said})).status_code == 200
    blocks = [{"block_id": "top", "placement": "home", "images": "open_time"} | block]
    message = await message_of(client, {"send_id": send, "recipients": [{"user_id": user}], "blocks": blocks})
    return message["blocks"][0] | {"headers": message["headers"]}


async def message_of(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    reply = await client.post("/v1/email/blocks", json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()["recipients"][0]


def logged(valkey: Path, event: str) -> list[dict[str, Any]]:
    with Redis(unix_socket_path=str(socket_path(valkey))) as redis:
        entries: Any = redis.xrange(EVENT_STREAM)
    rows = [orjson.loads(line) for _, fields in entries for line in fields.get(b"events", b"").splitlines()]
    return [row | {"properties": orjson.loads(row["properties"] or "{}")} for row in rows if row["event"] == event]


def test_a_click_leads_to_the_item_and_people_are_told_from_programs(shop: Shop, valkey_data_dir: Path) -> None:
    async def use(client: Client) -> None:
        block = await block_of(client)
        first, second = block["items"][:2]
        reply = await client.get(first["url"], headers=BROWSER)
        target = urlsplit(reply.headers["location"])
        said = parse_qs(target.query)
        assert (reply.status_code, target.netloc, target.path) == (302, "shop.example", f"/p/{first['item_id'][1:]}")
        assert said["a"] == ["1"]
        assert said["utm_campaign"] == ["s1"]
        assert said["recommendation_id"] == [block["recommendation_id"]]
        agents = ["", "Mozilla/5.0", "Barracuda Sentinel (EE)", "GoogleImageProxy", "curl/8"]
        for agent in agents:
            assert (await client.get(second["url"], headers={"user-agent": agent})).status_code == 302
        assert (await client.head(second["url"], headers=BROWSER)).status_code == 302
        other = await block_of(client, "ann")
        for item in other["items"]:  # all links of a mail at once
            await client.get(item["url"], headers=BROWSER)
        shop.change("i39", url="https://evil.example/")

    shop.run(use)
    clicks = logged(valkey_data_dir, "Email Link Clicked")
    by = [row["properties"]["by"] for row in clicks]
    assert by == ["person", "scanner", "proxy", "scanner", "proxy", "scanner", "scanner"] + ["burst"] * 4
    assert [row["user_id"] for row in clicks] == ["regular"] + [None] * 10
    assert clicks[0]["position"] == 1
    assert not any(row.get("recommendation_id") or row.get("item_id") for row in clicks[1:])


def test_no_link_leads_where_the_shop_does_not_allow(shop: Shop) -> None:
    async def use(client: Client) -> None:
        block = await block_of(client, count=8)
        for item, url in zip(block["items"], [*EVIL, "https://outlet.example/x", None], strict=False):
            shop.change(item["item_id"], url=url)
            target = urlsplit((await client.get(item["url"])).headers["location"])
            assert target.hostname == ("outlet.example" if url and "outlet" in url else "shop.example"), url
        good = block["items"][0]["url"]
        token = good.rsplit("/", 1)[1]
        forged = [
            token[:-1], token + "A", token[::-1], "x", "a" * 900, "%00", "é",
            seal(read_secret(shop.settings), Purpose.CLICK, b"short", NOW + timedelta(days=1)),
            seal(read_secret(shop.settings), Purpose.CLICK, b"\0" * 17, NOW + timedelta(days=1)),
            seal(b"another secret of somebody else", Purpose.CLICK, b"\0" * 17, NOW + timedelta(days=1)),
            block["items"][0]["image"]["url"].rsplit("/", 1)[1],
        ]  # fmt: skip
        for wrong in forged:
            for path in ("/e/c/", "/u/"):
                for accept in ("text/html,*/*", "*/*"):
                    reply = await client.get(path + wrong, headers=BROWSER | {"accept": accept})
                    assert (reply.status_code, "location" in reply.headers) == (410, False), wrong
                    assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert (await client.get(good + "?url=https://evil.example")).headers["location"].startswith("https://shop.ex")
        later = create_app(shop.settings, clock=lambda: NOW + timedelta(days=121))
        async with serving(later) as old:
            assert (await old.get(good)).status_code == 410

    shop.run(use)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=40), st.data())
def test_a_token_that_was_changed_in_any_way_opens_nothing(content: bytes, data: st.DataObject) -> None:
    token = seal(SECRET, Purpose.CLICK, content, NOW + timedelta(days=1))
    assert unseal(SECRET, Purpose.CLICK, token, NOW) == content
    place = data.draw(st.integers(0, len(token) - 1))
    changed = data.draw(st.sampled_from("ABCxyz019-_= .") | st.characters())
    other = token[:place] + changed + token[place + data.draw(st.integers(0, 2)) :]
    if other != token:
        with pytest.raises(LinkInvalid):
            unseal(SECRET, Purpose.CLICK, other, NOW)
    with pytest.raises(LinkInvalid):
        unseal(SECRET, Purpose.IMAGE, token, NOW)
    with pytest.raises(LinkEnded):
        unseal(SECRET, Purpose.CLICK, token, NOW + timedelta(days=1))
    assert len(content) < 6 or content not in base64.urlsafe_b64decode(
        token + "=" * (-len(token) % 4)
    )  # nobody can read it


def test_what_is_sold_out_is_swapped_once_and_the_click_lands_on_what_was_shown(
    shop: Shop, valkey_data_dir: Path
) -> None:
    async def use(client: Client) -> None:
        block = await block_of(client)
        one, two, three, _ = block["items"]

        async def look(item: dict[str, Any]) -> bytes:
            reply = await client.get(item["image"]["url"], headers=BROWSER)
            assert reply.status_code == 200
            assert reply.headers["cross-origin-resource-policy"] == "cross-origin"
            picture = Image.open(BytesIO(reply.content))
            assert picture.size == (2 * item["image"]["width"], 2 * item["image"]["height"])
            return reply.content

        async def lands(item: dict[str, Any]) -> str:
            return urlsplit((await client.get(item["url"], headers=BROWSER)).headers["location"]).path[3:]

        before = await look(one)
        shop.change(one["item_id"], price=12_345)
        assert await look(one) != before
        for item in (one, two):
            shop.change(item["item_id"], stock=0)
        seen = await asyncio.gather(*(look(item) for item in (one, two) * 4))
        landed = [await lands(item) for item in (one, two)]
        assert len({*landed, *(item["item_id"][1:] for item in block["items"])}) == 6
        shop.change(one["item_id"], stock=5)  # back in stock: what was shown stays
        assert await look(one) in set(seen[::2])
        assert [await lands(item) for item in (one, two)] == landed
        assert await lands(three) == three["item_id"][1:]
        for number in range(40):
            shop.change(f"i{number}", hidden=True)
        gone = await look(three)
        assert gone != await look(one)
        blank = await client.get("/e/i/" + "x" * 40)
        assert (blank.status_code, blank.headers["content-type"]) == (200, "image/png")

    shop.run(use)
    opened = logged(valkey_data_dir, "Email Opened")
    assert [(row["user_id"], row["properties"]["by"]) for row in opened] == [("regular", "person")]


def test_only_a_post_unsubscribes_and_it_holds_everywhere(shop: Shop, valkey_data_dir: Path) -> None:
    async def use(client: Client) -> None:
        block = await block_of(client)
        assert block["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        link = block["headers"]["List-Unsubscribe"].strip("<>")
        body = {
            "send_id": "s2",
            "recipients": [{"user_id": "regular"}],
            "blocks": [{"block_id": "b", "placement": "home"}],
        }
        form = {"List-Unsubscribe": "One-Click"}
        async with serving(shop.app()) as other:
            await other.wait_until_ready()
            for _ in range(2):
                assert 'method="post"' in (await client.get(link)).text
                assert (await message_of(other, body))["status"] == "ready"
            for _ in range(3):
                reply = await client.post(link, data=form)
                assert (reply.status_code, "location" in reply.headers) == (200, False)
            assert await message_of(other, body) == {"user_id": "regular", "status": "suppressed", "reason": "refused"}
            history = (await client.get("/v1/profiles/user_id:regular/consents")).json()["history"]
            assert [one["state"] for one in history] == ["granted", "granted", "withdrawn"]
            await block_of(client, send="s3")  # who comes back may leave again by the same link
            await client.post(link, data=form)
            assert (await message_of(other, body))["status"] == "suppressed"

    moments = (NOW + timedelta(milliseconds=number) for number in range(10**6))

    async def while_time_passes() -> None:
        async with serving(create_app(shop.settings, clock=lambda: next(moments))) as client:
            await client.wait_until_ready()
            await use(client)

    asyncio.run(while_time_passes())
    assert [row["user_id"] for row in logged(valkey_data_dir, "Unsubscribed")] == ["regular"] * 2
    trail = read_newest(shop.engine, Wanted(action="consents.append"), 100)
    assert [one.actor for one in trail].count("shopper") == 2


def test_no_clock_that_runs_ahead_brings_mails_back_to_who_wants_none(shop: Shop) -> None:
    """Whether the yes is dated by the shop's own systems, or was taken down by another machine of the service."""
    ahead = NOW + timedelta(seconds=299)

    async def use(client: Client) -> None:
        for user in ("ann", "bob", "eve"):
            yes = {"user_id": user, "purpose": "marketing_email", "state": "granted", "source": {"channel": "web"}}
            said = {"consents": [yes | {"occurred_at": ahead.isoformat()}]}
            assert (await client.post("/v1/consents", json=said)).status_code == 200
        another = Entry(
            entry_id="another", subject=("user_id", "eve"), purpose=MARKETING_EMAIL, state=State.GRANTED,
            occurred_at=ahead, received_at=ahead,
        )  # fmt: skip
        ConsentStore(shop.engine).append([another])
        body = {"send_id": "s1", "blocks": [{"block_id": "top", "placement": "home", "images": "none"}]}
        for user in ("ann", "eve"):
            message = await message_of(client, body | {"recipients": [{"user_id": user}]})
            page = await client.post(message["headers"]["List-Unsubscribe"].strip("<>"))
            assert "You are unsubscribed" in page.text
        no = {"user_id": "bob", "purpose": "marketing_email", "state": "withdrawn", "source": {"channel": "web"}}
        assert (await client.post("/v1/consents", json={"consents": [no]})).status_code == 200
        for user in ("ann", "bob", "eve"):
            message = await message_of(client, body | {"recipients": [{"user_id": user}]})
            assert (message["status"], message.get("reason")) == ("suppressed", "refused"), user

    shop.run(use)


def test_nothing_is_logged_under_the_name_of_who_may_not_be_known_where_the_mail_went(
    valkey_data_dir: Path, tmp_path: Path
) -> None:
    """The default market asks nobody, the recipient's does; the link to unsubscribe does not know the market."""
    config = tmp_path / "config"
    config.mkdir()
    lenient = next(
        name for name, law in tomllib.loads(files("recommender.config").joinpath("laws.toml").read_text()).items()
        if "personalisation" in law["without_answer"]
    )  # fmt: skip
    markets = {"default": (lenient, "USD", "en"), "at": ("eu", "EUR", "de")}
    lines = [
        f'[{name}]\nlaw = "{law}"\ncurrency = "{money}"\nlocale = "{locale}"\n'
        for name, (law, money, locale) in markets.items()
    ]
    (config / "markets.toml").write_text("".join(lines))
    shop = Shop(
        tmp_path, redis_url=f"unix://{socket_path(valkey_data_dir)}", public_url="http://shop",
        shop_url="https://shop.example/", config_dir=config,
    )  # fmt: skip
    shop.publish("a1")

    async def use(client: Client) -> None:
        for user, market in (("ann", "at"), ("bob", "default")):
            said = {"user_id": user, "purpose": "marketing_email", "state": "granted", "source": {"channel": "web"}}
            assert (await client.post("/v1/consents", json={"consents": [said]})).status_code == 200
            blocks = [{"block_id": "top", "placement": "home", "images": "open_time"}]
            to = [{"user_id": user, "market": market}]
            message = await message_of(client, {"send_id": "s1", "recipients": to, "blocks": blocks})
            item = message["blocks"][0]["items"][0]
            for address in (item["image"]["url"], item["url"]) * 2:
                await client.get(address, headers=BROWSER)
            await client.post(message["headers"]["List-Unsubscribe"].strip("<>"))

    shop.run(use)
    names = {
        event: [row["user_id"] for row in logged(valkey_data_dir, event)]
        for event in ("Email Opened", "Email Link Clicked", "Unsubscribed")
    }
    assert names == {
        "Email Opened": [None, "bob"], "Email Link Clicked": [None, None, "bob", "bob"], "Unsubscribed": [None, None],
    }  # fmt: skip
    digests = [block_ref(read_secret(shop.settings), "s1", user, "") for user in ("ann", "bob")]
    texts = [repr(row) for event in names for row in logged(valkey_data_dir, event)]
    assert not any(digest in text for digest in digests for text in texts)


def test_a_title_without_end_is_cut_before_it_is_drawn() -> None:
    drawn = [draw(Shown(162, 192, "W" * n, "d" * n, "€ 3,99", "#0b6e4f")) for n in (200, 100_000)]
    assert drawn[0] == drawn[1]
    assert drawn[0] != draw(Shown(162, 192, "W", "d" * 200, "€ 3,99", "#0b6e4f"))


def test_telephones_are_not_taken_for_programs() -> None:
    agents = {
        "Mozilla/5.0 (Linux; Android 10; CUBOT NOTE 20) AppleWebKit/537.36 Mobile Safari/537.36": False,
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": True, "bot": True, "my-bot/1": True,
    }  # fmt: skip
    assert {agent: SCANNERS.search(agent) is not None for agent in agents} == agents


def test_a_link_that_is_followed_too_often_still_shows_people_the_shop(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_routes, "PER_MINUTE", 5)

    async def use(client: Client) -> None:
        url, led_to = (await block_of(client))["items"][0]["url"], set[str]()
        for _ in range(50):  # some of them flow off meanwhile
            reply = await client.get(url, headers=BROWSER)
            assert reply.status_code == 302
            led_to.add(reply.headers["location"])
            if "https://shop.example/" in led_to:
                break
        assert "https://shop.example/" in led_to

    shop.run(use)


def test_what_the_mail_tool_reports_stops_mails_and_earns_the_block_its_order(
    shop: Shop, valkey_data_dir: Path
) -> None:
    said: list[tuple[str, dict[str, Any], str]] = [
        ("Email Delivered", {}, "ready"),
        ("Email Bounced", {"bounce_type": "soft"}, "ready"),
        ("Email Bounced", {"bounce_type": "hard"}, "suppressed"),
        ("Email Marked as Spam", {}, "suppressed"),
        ("Unsubscribed", {}, "suppressed"),
    ]

    async def use(client: Client) -> None:
        for number, (event, properties, status) in enumerate(said):
            await block_of(client, f"u{number}")
            track = {"event": event, "userId": f"u{number}", "properties": {"campaign_id": "s1"} | properties}
            assert (await client.post("/v1/track", json=track)).status_code == 200
            blocks = [{"block_id": "top", "placement": "home", "images": "open_time"}]
            body = {"send_id": "s1", "recipients": [{"user_id": f"u{number}"}], "blocks": blocks}
            assert (await message_of(client, body))["status"] == status, event
        bought = await block_of(client, "regular", "s9")
        await client.get(bought["items"][1]["url"], headers=BROWSER)
        item = {"product_id": bought["items"][1]["item_id"], "price": 2.0, "quantity": 1}
        order = {"order_id": "o1", "currency": "EUR", "products": [item]}
        ordered = {"event": "Order Completed", "userId": "regular", "properties": order}
        assert (await client.post("/v1/track", json=ordered)).status_code == 200

    shop.run(use)
    rows = [
        row
        for event in ("Recommendation Served", "Email Link Clicked", "Order Completed")
        for row in logged(valkey_data_dir, event)
    ]
    texts = b"\n".join(orjson.dumps(row | {"properties": orjson.dumps(row["properties"]).decode()}) for row in rows)
    events = read_rows(texts).lazy()
    _, credited = attribute(events, NOW + timedelta(days=1))
    [order] = credited.filter(pl.col("kind") == "ordered").collect().to_dicts()
    [click] = logged(valkey_data_dir, "Email Link Clicked")
    assert (order["how"], order["credited_to"], order["position"]) == ("click", click["recommendation_id"], 2)
