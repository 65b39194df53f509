"""Product blocks of mails over HTTP: decided once, the same to the byte, and only for whom they may be."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest

from features.online.embedded import EmbeddedValkey, socket_path
from features.sql.block_store import BlockStore
from recommender.errors import StoreUnavailable
from recommender.lockstep import Work
from serving.app import create_app
from serving.email.messages import Draft, NewBlock, Writer
from serving.email.orders import Known, SendOrder
from tests.integration.serving.shop import NOW, Client, Shop, serving

GROUPED = {f"i{number}": f"g{number // 2}" for number in range(80)}  # two variants of each product
EMAIL, PERSONAL = "marketing_email", "personalisation"
URL = "/v1/email/blocks"


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> Shop:
    shop = Shop(tmp_path, n_items=80, redis_url=f"unix://{socket_path(valkey_data_dir)}")
    for item_id, group in GROUPED.items():
        shop.change(item_id, group_id=group, image_url=f"https://shop.example/{item_id}.jpg")
    shop.publish("a1")
    return shop


def order(*users: str, send: str = "s1", **changed: Any) -> dict[str, Any]:
    blocks = [{"block_id": "top", "placement": "home"}, {"block_id": "more", "placement": "trending", "count": 3}]
    return {"send_id": send, "recipients": [{"user_id": user} for user in users], "blocks": blocks} | changed


async def say(client: Client, state: str, users: Iterable[str], *purposes: str) -> None:
    said = [
        {"user_id": user, "purpose": purpose, "state": state, "source": {"channel": "web"}}
        for user in users
        for purpose in purposes or (EMAIL, PERSONAL)
    ]
    assert (await client.post("/v1/consents", json={"consents": said})).status_code == 200


async def ask(client: Client, body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    reply = await client.post(URL, json=body)
    assert reply.status_code == 200, reply.text
    return {one["user_id"]: one for one in reply.json()["recipients"]}


def shown(message: dict[str, Any]) -> list[str]:
    return [item["item_id"] for block in message["blocks"] for item in block["items"]]


def test_a_message_is_the_same_to_the_byte_whatever_happens_in_between(shop: Shop) -> None:
    users = ["regular", "ann", "bob", "eve"]
    first: list[bytes] = []

    async def use(client: Client) -> None:
        await say(client, "granted", users)
        async with serving(shop.app()) as other:
            await other.wait_until_ready()
            bodies = [order(*random.sample(users, 4)) for _ in range(8)]
            replies = await asyncio.gather(
                *((client, other)[number % 2].post(URL, json=body) for number, body in enumerate(bodies))
            )
            seen = {user: set[bytes]() for user in users}
            for reply in replies:
                assert reply.status_code == 200, reply.text
                for one in reply.json()["recipients"]:
                    seen[one["user_id"]].add(orjson.dumps(one["blocks"]))
            assert {len(versions) for versions in seen.values()} == {1}
            first.append((await client.post(URL, json=order(*users))).content)
            shop.change("i0", price=9_999, title="New")
            shop.publish("a2", seed=1)
            await client.wait_until_ready("a2")
            assert (await client.post(URL, json=order(*users))).content == first[0]

    async def after_a_restart(client: Client) -> None:
        assert (await client.post(URL, json=order(*users))).content == first[0]
        apart = order(*users) | {"blocks": order()["blocks"][:1]}  # block by block it is the same, too
        assert [one["blocks"] for one in (await ask(client, apart)).values()] == [
            one["blocks"][:1] for one in orjson.loads(first[0])["recipients"]
        ]

    shop.run(use)
    shop.run(after_a_restart)


def test_no_product_comes_twice_in_a_message_nor_in_the_sends_before(shop: Shop) -> None:
    async def use(client: Client) -> None:
        await say(client, "granted", ["regular", "ann"])
        before = {"regular": list[set[str]](), "ann": list[set[str]]()}
        for send in range(4):
            blocks = [
                {"block_id": f"b{number}", "placement": random.choice(["home", "discover"]), "count": n}
                for number, n in enumerate((2, 1, 3))
            ]
            body = order("regular", "ann", send=f"s{send}", distinct_sends=2, blocks=blocks)
            one_by_one = [body | {"blocks": [block]} for block in blocks]
            await asyncio.gather(*(ask(client, part) for part in one_by_one))
            for user, message in (await ask(client, body)).items():
                groups = [GROUPED[item] for item in shown(message)]
                assert len(groups) == len(set(groups)) == 6
                assert not set(groups) & set().union(*before[user][-2:])
                before[user].append(set(groups))

    async def while_time_passes() -> None:
        moments = (NOW + timedelta(milliseconds=number) for number in count())
        async with serving(create_app(shop.settings, clock=lambda: next(moments))) as client:
            await client.wait_until_ready()
            await use(client)

    asyncio.run(while_time_passes())


def test_only_what_can_be_bought_and_seen_is_shown_and_too_little_is_said(shop: Shop) -> None:
    fine = {"i1", "i2", "i7"}
    for item_id in set(GROUPED) - fine:
        number = int(item_id[1:])
        wrong = [{"hidden": True}, {"stock": 0}, {"image_url": None}, {"price": None}][number % 4]
        shop.change(item_id, **wrong)

    async def use(client: Client) -> None:
        await say(client, "granted", ["regular", "ann"])
        blocks = [
            {"block_id": "top", "placement": "home", "fallback": ["trending"], "count": 4, "min_items": 2},
            {"block_id": "more", "placement": "home", "min_items": 2},
        ]
        for message in (await ask(client, order("regular", "ann", blocks=blocks))).values():
            top, more = message["blocks"]
            assert {item["item_id"] for item in top["items"]} == fine
            assert (top["empty"], more["empty"], more["html"], more["items"]) == (False, True, "", [])

    shop.run(use)


def test_who_may_not_be_written_to_gets_nothing_at_once_and_everywhere(shop: Shop) -> None:
    async def use(client: Client) -> None:
        users = ["regular", "ann", "bob", "eve"]
        await say(client, "granted", ["regular", "ann", "eve"])
        await say(client, "granted", ["bob"], PERSONAL)
        async with serving(shop.app()) as other:
            await other.wait_until_ready()
            first = await ask(client, order(*users))
            assert [one["status"] for one in first.values()] == ["ready", "ready", "suppressed", "ready"]
            assert first["bob"] == {"user_id": "bob", "status": "suppressed", "reason": "unasked"}
            assert first["regular"]["blocks"][0]["personalised"]
            await say(client, "withdrawn", ["ann"], EMAIL)
            await say(client, "withdrawn", ["regular"], PERSONAL)
            erased = {"kind": "erasure", "identifiers": [{"kind": "user_id", "value": "eve"}]}
            assert (await client.post("/v1/privacy/requests", json=erased)).status_code == 202
            again = await ask(other, order(*users))
            assert [again[user].get("reason") for user in users] == [None, "refused", "unasked", "suppressed"]
            # What was chosen by their history is not shown to somebody who does not want that any more; then it stays.
            assert not any(block["personalised"] for block in again["regular"]["blocks"])
            assert again["regular"] == (await ask(client, order("regular")))["regular"]

    shop.run(use)


@pytest.mark.parametrize("moment", ["before it is kept", "after it is kept"])
def test_who_says_no_while_theirs_is_decided_gets_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    keep, said = BlockStore.keep, list[int]()

    async def use(client: Client) -> None:
        await say(client, "granted", ["ann", "bob", "eve"])
        loop, link = asyncio.get_running_loop(), (await ask(client, order("ann")))["ann"]["headers"]["List-Unsubscribe"]

        async def say_no() -> None:
            erased = {"kind": "erasure", "identifiers": [{"kind": "user_id", "value": "eve"}]}
            said.append((await client.post(link.strip("<>"))).status_code)
            said.append((await client.post("/v1/privacy/requests", json=erased)).status_code)

        def in_between(*given: Any) -> set[str]:
            first = not said
            if first and moment.startswith("before"):
                asyncio.run_coroutine_threadsafe(say_no(), loop).result()
            kept = keep(*given)
            if first and moment.startswith("after"):
                asyncio.run_coroutine_threadsafe(say_no(), loop).result()
            return kept

        monkeypatch.setattr(BlockStore, "keep", in_between)
        now = await ask(client, order("ann", "bob", "eve", send="s2"))
        assert said == [200, 202]
        assert [now[user].get("reason") for user in ("ann", "bob", "eve")] == ["refused", None, "suppressed"]
        kept = BlockStore(shop.engine, lambda: b"").read("s2", ["ann", "bob", "eve"], 0, NOW)
        who = {user for user, message in kept.items() if message.blocks}
        assert who == ({"bob"} if moment.startswith("before") else {"ann", "bob", "eve"})  # erasure takes what is kept

    shop.run(use)


def test_without_redis_model_or_history_the_blocks_come_and_say_so(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path)
    valkey.start()
    shop = Shop(tmp_path, redis_url=f"unix://{socket_path(tmp_path)}")
    block = {"block_id": "top", "placement": "home", "images": "open_time"}
    users = ["regular", "nobody"]

    async def no_model(client: Client) -> None:
        await say(client, "granted", users)
        for message in (await ask(client, order(*users, blocks=[block]))).values():
            [only] = message["blocks"]
            assert (only["fallback"], only["degraded"], len(only["items"])) == ("catalogue", ["model"], 4)

    async def no_redis(client: Client) -> None:
        known = await ask(client, order(*users, send="s2", blocks=[block]))
        assert [one["blocks"][0]["personalised"] for one in known.values()] == [True, False]
        assert known["nobody"]["blocks"][0]["fallback"] == "contextual"
        valkey.stop()
        assert await ask(client, order(*users, send="s2", blocks=[block])) == known
        for message in (await ask(client, order(*users, send="s3", blocks=[block]))).values():
            [only] = message["blocks"]
            assert (only["personalised"], only["degraded"], len(only["items"])) == (False, ["session", "consent"], 4)

    try:
        shop.run(no_model, ready=False)
        shop.publish("a1")
        shop.run(no_redis)
    finally:
        valkey.stop()


def test_who_has_an_id_that_no_link_can_hold_fails_alone(shop: Shop) -> None:
    users = ["\U0001f600" * 200, "é" * 200, "x" * 200, "\x01" * 200]

    async def use(client: Client) -> None:
        await say(client, "granted", users, EMAIL)
        messages = await ask(client, order(*users, send="s" * 100))
        assert [messages[user]["status"] for user in users] == ["failed", "ready", "ready", "failed"]
        assert "user_id is too long" in messages[users[0]]["reason"]
        for user in users[1:3]:
            link = messages[user]["headers"]["List-Unsubscribe"]
            assert len(f"List-Unsubscribe: {link}") <= 998
            assert (await client.post(link.strip("<>"))).status_code == 200
            assert (await ask(client, order(user)))[user]["reason"] == "refused"

    shop.run(use)


def test_lines_come_with_progress_and_one_call_names_what_is_wrong_with_it(shop: Shop) -> None:
    users = [f"u{number}" for number in range(120)]
    wrong: list[tuple[dict[str, Any], int, str]] = [
        ({"send_id": "a b"}, 422, "/send_id"),
        ({"recipients": []}, 422, "/recipients"),
        ({"recipients": [{"user_id": "a"}, {"user_id": "b", "market": "mars"}]}, 422, "/recipients/1/market"),
        ({"recipients": [{"user_id": "a"}] * 2}, 422, ""),
        (
            {
                "recipients": [{"user_id": f"{number}"} for number in range(1_000)],
                "blocks": [{"block_id": f"b{number}", "placement": "home"} for number in range(3)],
            },
            422,
            "/recipients",
        ),
        ({"blocks": [{"block_id": "top", "placement": "hom"}]}, 404, "/blocks/0/placement"),
        ({"blocks": [{"block_id": "top", "placement": "home", "fallback": ["x"]}]}, 404, "/blocks/0/fallback"),
        ({"blocks": [{"block_id": "top", "placement": "home", "filter": "item.pric < 3"}]}, 422, "/blocks/0/filter"),
        ({"blocks": [{"block_id": "top", "placement": "home", "count": 2, "min_items": 3}]}, 422, "/blocks/0"),
        ({"blocks": [{"block_id": "top", "placement": "home", "theme": "plain"}]}, 409, "/blocks/0/theme"),
    ]

    async def use(client: Client) -> None:
        await say(client, "granted", users[1:], EMAIL)
        reply = await client.post(URL, json=order(*users), headers={"accept": "application/x-ndjson"})
        assert reply.headers["connection"] == "close"  # so that all workers get some of a send
        lines = [orjson.loads(line) for line in reply.content.splitlines()]
        kinds = [line.pop("kind") for line in lines]
        assert (kinds[0], kinds[-1], kinds.count("recipient"), kinds.count("progress")) == ("begin", "end", 120, 3)
        messages = [line for line, kind in zip(lines, kinds, strict=True) if kind == "recipient"]
        assert messages == [*(await ask(client, order(*users))).values()]
        assert [one["status"] for one in messages] == ["suppressed"] + ["ready"] * 119
        for changed, status, pointer in wrong:
            refused = await client.post(URL, json=order("u1") | changed)
            assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (status, pointer), refused.text

    shop.run(use)


def test_one_recipient_who_fails_does_not_fail_the_others(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Writer.write

    def write_unless_eve(
        self: Writer, order: SendOrder, drafts: Sequence[Draft], known: Known, now: datetime
    ) -> Work[list[list[NewBlock]]]:
        if any(draft.to.user_id == "eve" for draft in drafts):
            raise StoreUnavailable("This one is out of luck.")
        return (yield from write(self, order, drafts, known, now))

    async def use(client: Client) -> None:
        users = ["ann", "eve", "bob"]
        await say(client, "granted", users)
        with monkeypatch.context() as patch:
            patch.setattr(Writer, "write", write_unless_eve)
            reply = await client.post(URL, json=order(*users), headers={"accept": "application/x-ndjson"})
        lines = [orjson.loads(line) for line in reply.content.splitlines()]
        assert [line["kind"] for line in lines] == ["begin", *["recipient"] * 3, "progress", "end"]
        assert [line["status"] for line in lines[1:4]] == ["ready", "failed", "ready"]
        assert lines[2]["reason"] == "This one is out of luck."
        again = await ask(client, order(*users))
        assert [one["status"] for one in again.values()] == ["ready"] * 3
        assert [again["ann"]["blocks"], again["bob"]["blocks"]] == [lines[1]["blocks"], lines[3]["blocks"]]

    shop.run(use)
