"""Whatever is asked and changed in whatever order: what was decided for a mail stays, and shows only what it may."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec import Raw, Struct, json

from features.online.embedded import EmbeddedValkey, socket_path
from serving.app import create_app
from tests.integration.serving.shop import NOW, Client, Shop, serving
from tests.unit.recommender.email.hostile import ADDRESSES, WORST

N_ITEMS, DISTINCT = 60, 2
BLOCKS = (
    {"block_id": "top", "placement": "home", "fallback": ["trending"], "count": 3},
    {"block_id": "more", "placement": "trending", "count": 2, "theme": "magazine", "images": "none"},
    {"block_id": "last", "placement": "discover", "count": 2, "theme": "plain", "columns": 1, "byte_budget": 6_000},
)
USERS = ("regular", "ann", "bob")
IMAGE, LINK = "https://img.example/1.png", "https://shop.example/p/1"
GOOD: dict[str, Any] = {"hidden": False, "stock": 9, "price": 199, "image_url": IMAGE, "title": "Tea", "url": LINK}
# What may be wrong with an item, and what may be hostile in it; what SQL cannot hold never gets into a catalogue.
CHANGES: list[dict[str, Any]] = [
    {"hidden": True}, {"stock": 0}, {"price": None}, {"image_url": None}, {"price": 1}, {"title": "x" * 10_000},
    *({"title": text} for text in WORST if text and not {"\ud800", "\0"} & set(text)),
    *({"url": text, "image_url": text} for text in ADDRESSES if not {"\ud800", "\0"} & set(text)),
]  # fmt: skip


class Said(Struct):
    """A message as it came: blocks byte for byte."""

    user_id: str
    status: str
    blocks: list[Raw] = []


class Reply(Struct):
    """A reply as it came."""

    recipients: list[Said]


class World:
    """A service of two workers, and what a reference remembers of it.

    Attributes:
        items: what may be wrong with items, as the catalogue has it.
        seen: the bytes of blocks by send, user and block.
        shown: the groups that a block showed, and when it was decided, by user, then by send and block.
        stale: blocks that are to be decided anew.
    """

    def __init__(self, shop: Shop, runner: asyncio.Runner, workers: Sequence[Client]) -> None:
        self.shop, self.runner, self.workers, self.n = shop, runner, workers, count()
        self.items = {f"i{number}": GOOD for number in range(N_ITEMS)}
        self.seen = dict[tuple[str, str, str], bytes]()
        self.shown = dict[str, dict[tuple[str, str], tuple[int, frozenset[str]]]]()
        self.stale = set[tuple[str, str, str]]()

    def change(self, item_id: str, facts: dict[str, Any]) -> None:
        self.items[item_id] = self.items[item_id] | facts
        self.shop.change(item_id, **facts)

    def repair(self) -> None:
        """Let all items be good again."""
        for item_id in [item_id for item_id, facts in self.items.items() if facts != GOOD]:
            self.change(item_id, GOOD)

    def forget(self, users: Collection[str]) -> None:
        """Let what was decided by what is known of users be decided anew."""
        for name in [name for name in self.seen if name[1] in users]:
            del self.seen[name]
            self.stale.add(name)

    async def say(self, state: str, users: Sequence[str], purposes: Sequence[str]) -> None:
        said = [
            {"user_id": user, "purpose": purpose, "state": state, "source": {"channel": "web"}}
            for user in users
            for purpose in purposes
        ]
        assert (await self.workers[0].post("/v1/consents", json={"consents": said})).status_code == 200

    async def ask(self, worker: int, send: str, users: Sequence[str], blocks: Sequence[int]) -> None:
        body = {
            "send_id": send, "distinct_sends": DISTINCT, "blocks": [BLOCKS[place] for place in blocks],
            "recipients": [{"user_id": user} for user in users],
        }  # fmt: skip
        reply = await self.workers[worker].post("/v1/email/blocks", json=body)
        assert reply.status_code == 200, reply.text
        for said in json.decode(reply.content, type=Reply).recipients:
            assert said.status == "ready", said
            for raw in said.blocks:
                self.check(send, said.user_id, bytes(raw))

    def check(self, send: str, user: str, raw: bytes) -> None:
        block = json.decode(raw)
        name = send, user, block["block_id"]
        if name in self.seen:
            assert raw == self.seen[name]
            return
        self.seen[name] = raw
        groups = [group_of(item["item_id"]) for item in block["items"]]
        theirs = self.shown.setdefault(user, {})
        here = {
            group for (of, place), (_, shown) in theirs.items() for group in shown
            if of == send and (of, user, place) not in self.stale
        }  # fmt: skip
        newest = sorted(((at, of, shown) for (of, _), (at, shown) in theirs.items() if of != send), reverse=True)
        others = list(dict.fromkeys(of for _, of, _ in newest))[:DISTINCT]
        before = {group for _, of, shown in newest if of in others for group in shown}
        assert len(set(groups)) == len(groups)
        assert not set(groups) & (here | before)
        self.stale.discard(name)
        theirs[send, block["block_id"]] = next(self.n), frozenset(groups)
        spec = next(one for one in BLOCKS if one["block_id"] == block["block_id"])
        for item in block["items"]:
            facts = self.items[item["item_id"]]
            assert not facts["hidden"]
            assert facts["stock"] > 0
            assert facts["price"] is not None
            assert facts["image_url"] is not None or spec.get("images") == "none"
            assert item["url"].startswith("http://shop/e/c/")
        assert len(block["html"]) == block["html_bytes"] <= spec.get("byte_budget", 32_768)
        assert block["html"].isascii()
        root = ElementTree.fromstring(f"<p>{block['html']}</p>")
        assert not [
            one for one in root.iter() if one.tag == "script" or any(name.startswith("on") for name in one.attrib)
        ]
        assert {urlsplit(one.get("href", "")).netloc for one in root.iter("a")} <= {"shop"}

    async def follow(self) -> None:
        """Each link that was made leads to the shop, or to no other place."""
        for raw in list(self.seen.values())[-3:]:
            for item in json.decode(raw)["items"][:1]:
                reply = await self.workers[1].get(item["url"], headers={"accept": "text/html"})
                assert urlsplit(reply.headers["location"]).hostname == "shop.example"


def group_of(item_id: str) -> str:
    return f"g{int(item_id[1:]) // 2}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("mails")
    valkey = EmbeddedValkey(folder)
    valkey.start()
    shop = Shop(
        folder, n_items=N_ITEMS, redis_url=f"unix://{socket_path(folder)}", public_url="http://shop",
        shop_url="https://shop.example/", config_dir=uncapped(folder),
    )  # fmt: skip
    for number in range(N_ITEMS):
        shop.change(f"i{number}", group_id=group_of(f"i{number}"), **GOOD)
    shop.publish("a1")
    moments = count()  # of two workers and their threads

    async def start(stack: AsyncExitStack) -> list[Client]:
        apps = [create_app(shop.settings, clock=lambda: NOW + timedelta(milliseconds=next(moments))) for _ in range(2)]
        workers = [await stack.enter_async_context(serving(app)) for app in apps]
        for one in workers:
            await one.wait_until_ready()
        return workers

    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        made = World(shop, runner, runner.run(start(stack)))
        yield made
        runner.run(stack.aclose())
    valkey.stop()


def uncapped(folder: Path) -> Path:
    """A configuration whose caps nobody reaches."""
    config = folder / "config"
    config.mkdir()
    shipped = Path(__file__).parents[3] / "recommender/config/offers.toml"
    (config / "offers.toml").write_text(shipped.read_text().replace("most = 6\n", "most = 600\n").replace("20", "900"))
    return config


asks = st.tuples(
    st.just("ask"), st.integers(0, 1), st.integers(0, 3), st.permutations(USERS), st.integers(1, 3),
    st.permutations(range(3)), st.integers(1, 3),
)  # fmt: skip
changes = st.tuples(st.just("change"), st.integers(0, N_ITEMS - 1), st.integers(0, len(CHANGES) - 1))
others = st.sampled_from([("forget regular",), ("pause of consent",), ("follow",), ("both at once",)])


@settings(
    max_examples=12, deadline=None, phases=[Phase.generate]
)  # an example leaves its events behind: none is shrunk
@given(st.lists(asks | changes | others, min_size=4, max_size=14))
def test_what_was_decided_stays_and_shows_only_what_it_may(world: World, steps: Sequence[tuple[Any, ...]]) -> None:
    tag = f"e{next(world.n)}"
    both = ["marketing_email", "personalisation"]

    def named(user: str) -> str:
        return user if user == "regular" else f"{user}-{tag}"

    known = {"regular"}

    async def run() -> None:
        await world.say("granted", [named(user) for user in USERS], both)
        for step in steps:
            match step:
                case ("ask", worker, send, users, n_users, blocks, n_blocks):
                    some = [named(user) for user in users[:n_users]]
                    await world.ask(worker, f"{tag}-{send}", some, blocks[:n_blocks])
                case ("change", number, which):
                    world.change(f"i{number}", CHANGES[which])
                case ("both at once",):
                    await asyncio.gather(
                        *(world.ask(worker, f"{tag}-0", [named(user) for user in USERS], range(3)) for worker in (0, 1))
                    )
                case ("forget regular",):  # the one exception: what knew them is decided anew, once
                    await world.say("withdrawn", ["regular"], both[1:])
                    world.forget(known)
                    known.clear()
                case ("pause of consent",):
                    await world.say("withdrawn", [named("ann")], both[:1])
                    await world.say("granted", [named("ann")], both[:1])
                case _:
                    await world.follow()
        for send, user, block in [name for name in world.seen if name[0].startswith(f"{tag}-")]:
            place = next(place for place, one in enumerate(BLOCKS) if one["block_id"] == block)
            await world.ask(len(user) % 2, send, [user], [place])

    world.repair()
    world.runner.run(run())
