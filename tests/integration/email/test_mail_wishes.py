"""What people chose in the preference centre holds for mails: how often, and not before a pause is over."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from features.sql.block_store import BlockStore
from tests.integration.email.mailing import MailShop, to
from tests.integration.serving.shop import REGULAR, Client


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> MailShop:
    return MailShop(tmp_path, valkey_data_dir)


def test_nobody_gets_more_mails_than_they_wish_and_the_reply_says_why(shop: MailShop) -> None:
    users = ["any", "daily", "weekly", "monthly", "never", "paused", "web"]
    got = dict[str, list[str]]()

    async def use(client: Client) -> None:
        await shop.agree(client, *users)
        for often in users[1:5]:
            await shop.wish(client, often, channel="email", frequency=often)
        await shop.wish(client, "web", channel="push", frequency="never")
        pause = {"paused_until": (shop.now + timedelta(days=9)).isoformat()}
        await shop.wish(client, "paused", **pause)
        for send in range(40):  # two a day
            first = await shop.messages(client, *to(*users), send=f"s{send}")
            again = await shop.messages(client, *to(*users), send=f"s{send}")
            assert again == first  # what was sent was counted once, and what was not stays unsent
            for one in first:
                got.setdefault(one["user_id"], []).append(one.get("reason", one["status"]))
            shop.later(hours=12)

    shop.run(use)
    days = {user: [said[place : place + 2] for place in range(0, 40, 2)] for user, said in got.items()}
    assert all(day in (["ready", "frequency"], ["frequency", "ready"]) for day in days["daily"][1:-1])
    assert 3 <= got["weekly"].count("ready") <= 4
    assert 1 <= got["monthly"].count("ready") <= 2
    assert got["never"] == ["frequency"] * 40
    assert set(got["paused"][:18]) == {"paused"}
    assert got["paused"][18:].count("ready") == got["any"][18:].count("ready") > 15
    assert got["any"] == got["web"]
    assert set(got["any"]) == {"ready"}


def test_a_wish_that_comes_after_the_mail_was_decided_stops_it_and_the_shops_caps_hold(shop: MailShop) -> None:
    async def use(client: Client) -> None:
        await shop.agree(client, "ann", "bob")
        [first] = await shop.messages(client, *to("ann"))
        for wish, reason in (({"frequency": "weekly"}, None), ({"frequency": "never"}, "frequency")):
            await shop.wish(client, "ann", channel="email", **wish)
            shop.later(seconds=1)
            [again] = await shop.messages(client, *to("ann"))
            assert again.get("reason") == reason
            assert reason is not None or again == first
        sent = [(await shop.messages(client, *to("bob"), send=f"s{number}"))[0] for number in range(8)]
        assert [one.get("reason") for one in sent] == [None] * 6 + ["frequency_cap"] * 2  # of offers.toml, on one day
        shop.later(days=1)
        [next_day] = await shop.messages(client, *to("bob"), send="s7")
        assert next_day["status"] == "ready"

    shop.run(use)


@pytest.mark.parametrize("moment", ["before it is kept", "after it is kept"])
def test_who_does_not_want_to_be_known_while_theirs_is_decided_gets_what_knows_nobody(
    shop: MailShop, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    keep, said = BlockStore.keep, list[str]()

    async def use(client: Client) -> None:
        await shop.agree(client, REGULAR, "bob")
        [known, _] = await shop.messages(client, *to(REGULAR, "bob"), send="before")
        assert known["blocks"][0]["personalised"]
        loop = asyncio.get_running_loop()

        def in_between(*given: Any) -> set[str]:
            def say_no() -> None:
                said.append("no")
                no = shop.agree(client, REGULAR, state="withdrawn", purposes=["personalisation"])
                asyncio.run_coroutine_threadsafe(no, loop).result()

            if not said and moment.startswith("before"):
                say_no()
            changed = keep(*given)
            if not said:
                say_no()
            return changed

        monkeypatch.setattr(BlockStore, "keep", in_between)
        now = await shop.messages(client, *to(REGULAR, "bob"))
        assert [one["status"] for one in now] == ["ready", "ready"]
        assert not now[0]["blocks"][0]["personalised"]
        assert now == await shop.messages(client, *to(REGULAR, "bob"))
        kept = BlockStore(shop.engine, lambda: b"").read("s1", [REGULAR, "bob"], 0, shop.now)
        assert [message.blocks["top"].personal for message in kept.values()] == [False, True]

    shop.run(use)
