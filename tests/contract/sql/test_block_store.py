"""Blocks of mails in SQL, on both databases."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from features.mails import Chosen, MailBlock, Message, block_ref
from features.sql.block_store import BlockStore, erase_blocks
from features.sql.consent_store import ConsentStore
from features.sql.engine import exclusive
from features.sql.privacy_store import Kind, PrivacyRequest, PrivacyStore, new_request_id
from recommender.consent import MARKETING_EMAIL, Entry, State
from recommender.errors import Conflict

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECRET = b"s" * 32
NOTHING = Message()


def block(
    send: str = "s", user: str = "ann", name: str = "top", *, items: Sequence[str] = ("a", "b", "c"),
    made_at: datetime = NOW, personal: bool = True, reply: bytes = b"{}",
) -> MailBlock:  # fmt: skip
    ref = block_ref(b"secret", send, user, name)
    chosen = Chosen(items=tuple(items), shown=(0, 1), recommendation_id="r")
    return MailBlock(
        block_ref=ref, send_id=send, user_id=user, block_id=name, made_at=made_at, personal=personal, chosen=chosen,
        reply=reply,
    )  # fmt: skip


def test_of_many_writers_of_a_message_one_wins_and_the_others_are_told(engine: Engine) -> None:
    store = BlockStore(engine, lambda: SECRET)

    def write(number: int) -> bool:
        mine = {"ann": [block(reply=b"%d" % number)], "bob": [block(user="bob", reply=b"%d" % number)]}
        return store.keep("s", mine, {"ann": NOTHING, "bob": NOTHING}, -1, NOW) == set()

    with ThreadPoolExecutor(8) as threads:
        won = [number for number, mine in enumerate(threads.map(write, range(16))) if mine]
    assert len(won) == 1
    kept = store.read("s", ["ann", "bob"], 0, NOW)
    assert {one.blocks["top"].reply for one in kept.values()} == {b"%d" % won[0]}


def test_a_block_of_a_message_that_grew_meanwhile_is_decided_anew(engine: Engine) -> None:
    store = BlockStore(engine, lambda: SECRET)
    store.keep("s", {"ann": [block()]}, {"ann": NOTHING}, -1, NOW)
    late = {"ann": [block(name="more")], "bob": [block(user="bob")]}
    assert store.keep("s", late, {"ann": NOTHING, "bob": NOTHING}, -1, NOW) == {"ann"}
    seen = store.read("s", ["ann", "bob"], 0, NOW)
    assert [*seen["ann"].blocks] == ["top"]
    assert [*seen["bob"].blocks] == ["top"]
    assert store.keep("s", {"ann": [block(name="more")]}, seen, -1, NOW) == set()


def test_a_personal_block_gives_way_to_another_once(engine: Engine) -> None:
    store = BlockStore(engine, lambda: SECRET)
    store.keep("s", {"ann": [block()]}, {"ann": NOTHING}, -1, NOW)
    seen = store.read("s", ["ann"], 0, NOW)
    assert store.keep("s", {"ann": [block(personal=False, reply=b"1")]}, seen, -1, NOW) == set()
    assert store.keep("s", {"ann": [block(personal=False, reply=b"2")]}, seen, -1, NOW) == {"ann"}
    assert store.read("s", ["ann"], 0, NOW)["ann"].blocks["top"].reply == b"1"


def test_nothing_is_kept_of_who_said_no_or_was_erased_after_it_was_judged(engine: Engine) -> None:
    store, privacy, users = BlockStore(engine, lambda: SECRET), PrivacyStore(engine, lambda: SECRET), [*"abcdef"]
    said = {"a": State.GRANTED, "b": State.WITHDRAWN, "c": State.DENIED, "d": State.GRANTED}
    ConsentStore(engine).append(
        [
            Entry(
                entry_id=f"block-{user}", subject=("user_id", user), purpose=MARKETING_EMAIL, state=state,
                occurred_at=NOW - timedelta(days=2), received_at=NOW,
                expires_at=NOW - timedelta(days=1) if user == "d" else None,
            )
            for user, state in said.items()
        ]
    )  # fmt: skip
    rights: dict[str, Kind] = {"e": "erasure", "f": "restriction"}
    for user, kind in rights.items():
        asked = PrivacyRequest(
            request_id=new_request_id(), kind=kind, subject=(("user_id", user),), source="shop", reason="", law="eu",
            actor="a", received_at=NOW, due_at=NOW,
        )  # fmt: skip
        privacy.open(asked)
    decided = {user: [block("late", user)] for user in (*users, "silent")}
    assert store.keep("late", decided, dict.fromkeys(decided, NOTHING), 0, NOW) == {*"bcdef"}
    kept = store.read("late", [*decided], 0, NOW)
    assert {user for user, message in kept.items() if message.blocks} == {"a", "silent"}


def test_the_last_sends_tell_what_they_showed(engine: Engine) -> None:
    store = BlockStore(engine, lambda: SECRET)
    for day, (send, items) in enumerate({"s1": "abx", "s2": "cdx", "s3": "efx"}.items()):
        one = block(send, items=items, made_at=NOW - timedelta(days=9 - day))
        store.keep(send, {"ann": [one]}, {"ann": NOTHING}, -1, NOW)
    shown = [store.read("s4", ["ann", "bob"], back, NOW)["ann"].shown_before for back in range(5)]
    assert shown == [set(), set("ef"), set("efcd"), set("efcdab"), set("efcdab")]
    assert store.read("s2", ["ann"], 1, NOW)["ann"].shown_before == set("ef")
    bob = store.read("s4", ["bob"], 3, NOW)["bob"]
    assert (bob.blocks, bob.shown_before) == ({}, frozenset())


def test_a_send_is_one_thing_and_says_what_differs(engine: Engine) -> None:
    store = BlockStore(engine, lambda: SECRET)
    store.keep_specs("s", {"top": {"count": 4, "theme": "plain"}}, NOW)
    store.keep_specs("s", {"more": {"count": 2}, "top": {"theme": "plain", "count": 4}}, NOW)
    with pytest.raises(Conflict) as refused:
        store.keep_specs("s", {"third": {"count": 1}, "top": {"count": 4, "theme": "cards"}}, NOW)
    assert refused.value.field == "blocks[1].theme"
    store.keep_specs("s", {"third": {"count": 3}}, NOW)  # nothing was written of the refused one


def test_the_first_swap_of_a_position_stands_and_no_item_stands_twice(engine: Engine) -> None:
    store, one = BlockStore(engine, lambda: SECRET), block(items="abcdef")
    store.keep_specs("s", {"top": {}}, NOW)
    store.keep("s", {"ann": [one]}, {"ann": NOTHING}, -1, NOW)
    asked = [(place, spares) for place in (0, 1) for spares in (["c", "d"], ["d", "c"], ["c"])] * 3
    with ThreadPoolExecutor(8) as threads:
        swaps = [threads.submit(store.swap, one.block_ref, place, spares, NOW) for place, spares in asked]
        answers = [swap.result() for swap in swaps]
    found = store.find(one.block_ref)
    assert found is not None
    stands = found.swaps
    assert set(stands) <= {0, 1}
    assert len(set(stands.values())) == len(stands) >= 1
    assert all(
        answer.get(place) in {None, stands.get(place)} for answer, (place, _) in zip(answers, asked, strict=True)
    )
    assert store.swap("0" * 32, 0, ["c"], NOW) == {}


def test_what_is_old_or_erased_is_gone_with_its_swaps(engine: Engine) -> None:
    store = BlockStore(engine, lambda: SECRET)
    old, new = block("s1", made_at=NOW - timedelta(days=100)), block("s2", user="bob")
    for one in (old, new):
        store.keep_specs(one.send_id, {"top": {}}, one.made_at)
        store.keep(one.send_id, {one.user_id: [one]}, {one.user_id: NOTHING}, -1, NOW)
        store.swap(one.block_ref, 0, ["c"], one.made_at)
    assert store.forget(timedelta(days=30), NOW) == 1
    assert store.find(old.block_ref) is None
    assert store.find(new.block_ref) is not None
    with exclusive(engine) as connection:
        assert erase_blocks(connection, ["ann", "bob"]) == {"email_blocks": 1, "email_swaps": 1}
    assert store.find(new.block_ref) is None


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=5_000), st.text(min_size=1, max_size=50), st.text(min_size=1, max_size=50))
def test_bytes_come_back_as_they_were(engine: Engine, reply: bytes, send: str, user: str) -> None:
    send, user = (text.replace("\0", "").encode("utf-8", "ignore").decode() + "." for text in (send, user))
    store = BlockStore(engine, lambda: SECRET)
    one = block(send, user, reply=reply)
    store.keep(send, {user: [one]}, {user: store.read(send, [user], 0, NOW)[user]}, -1, NOW)
    assert BlockStore(engine, lambda: SECRET).read(send, [user], 3, NOW)[user].blocks["top"] == one
