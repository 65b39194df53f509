"""Whom a message goes to, as the transaction sees it that keeps the message, on both databases."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from features.audit import SYSTEM
from features.contacts import forget_old
from features.identity import Identifier
from features.identity_rules import IdentityRules
from features.mails import Chosen, MailBlock, Message, block_ref
from features.sql.block_store import BlockStore
from features.sql.consent_store import ConsentStore
from features.sql.engine import read_change_number, reading, writing
from features.sql.identity_store import IdentityStore
from features.sql.preference_store import PreferenceStore
from recommender.consent import PERSONALISATION, Entry, State
from recommender.email.holding import MESSAGE
from recommender.preferences import Aspect, Frequency, Preference

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECRET = b"s" * 32


def store_of(engine: Engine) -> BlockStore:
    return BlockStore(engine, lambda: SECRET)


def read(engine: Engine, send: str, *users: str) -> dict[str, Message]:
    return store_of(engine).read(send, users, 0, NOW)


def keep(engine: Engine, send: str, seen: dict[str, Message], name: str = "top", *, personal: bool = True) -> set[str]:
    chosen = Chosen(items=("a",), shown=(0,), recommendation_id="r")
    made = {
        user: [
            MailBlock(
                block_ref=block_ref(SECRET, send, user, name), send_id=send, user_id=user, block_id=name, made_at=NOW,
                personal=personal, chosen=chosen, reply=b"{}",
            )
        ]
        for user in seen
    }  # fmt: skip
    return store_of(engine).keep(send, made, seen, -1, NOW)


def contacts(engine: Engine, *users: str) -> list[int]:
    found = read(engine, "another", *users)
    assert all(one.about == MESSAGE for message in found.values() for one in message.to.contacts)
    return [len(found[user].to.contacts) for user in users]


def test_a_message_is_one_contact_of_the_person_however_many_blocks_and_calls(engine: Engine) -> None:
    card: Identifier = ("loyalty_card", "4711")
    IdentityStore(engine, IdentityRules()).merge([("user_id", "ann"), card, ("user_id", "anna")], "a test", NOW)
    assert keep(engine, "s1", read(engine, "s1", "ann", "bob")) == set()
    assert keep(engine, "s1", read(engine, "s1", "ann", "bob"), "more") == set()
    assert contacts(engine, "ann", "anna", "bob", "eve") == [1, 1, 1, 0]
    # Two ids of one person in one call are two messages: the second is looked at again.
    both = read(engine, "s2", "ann", "anna")
    assert keep(engine, "s2", both) == {"anna"}
    assert keep(engine, "s2", read(engine, "s2", "anna")) == set()
    assert contacts(engine, "ann", "bob") == [3, 1]
    with writing(engine) as write:
        assert forget_old(write.connection, NOW + timedelta(days=101)) == 4
    assert keep(engine, "s1", read(engine, "s1", "ann"), "third") == set()  # of a message that was counted
    assert contacts(engine, "ann") == [0]


def test_of_sends_to_one_person_at_the_same_moment_each_sees_the_one_before(engine: Engine) -> None:
    sends = [f"s{number}" for number in range(8)]
    seen = {send: read(engine, send, "ann", "bob") for send in sends}
    with ThreadPoolExecutor(8) as threads:
        keeping = [threads.submit(keep, engine, send, messages) for send, messages in seen.items()]
        changed = [one.result() for one in keeping]
    assert sorted(map(len, changed)) == [0] + [2] * 7
    assert contacts(engine, "ann", "bob") == [1, 1]


def prefer(engine: Engine, subject: Identifier, setting: str, **changed: object) -> None:
    about = {"channel": "email", "aspect": Aspect.FREQUENCY} | changed
    said = Preference(
        entry_id=f"{subject}{setting}{len(about)}", subject=subject, setting=setting, occurred_at=NOW, received_at=NOW,
        **about,  # pyright: ignore[reportArgumentType] - by name
    )  # fmt: skip
    PreferenceStore(engine).append([said], by=SYSTEM)


def test_what_a_person_wishes_counts_under_each_of_their_names_and_until_the_commit(engine: Engine) -> None:
    IdentityStore(engine, IdentityRules()).merge([("user_id", "ann"), ("email_hash", "e" * 64)], "a test", NOW)
    seen = read(engine, "s", "ann", "bob")
    prefer(engine, ("email_hash", "e" * 64), Frequency.WEEKLY)
    assert keep(engine, "s", seen) == {"ann"}
    wishes = {user: message.to.wishes for user, message in read(engine, "s", "ann", "bob").items()}
    assert [wishes[user].frequency("email") for user in ("ann", "bob")] == [Frequency.WEEKLY, Frequency.ANY]
    assert keep(engine, "s", read(engine, "s", "ann")) == set()


def test_a_block_that_knows_somebody_is_not_kept_once_they_said_no(engine: Engine) -> None:
    seen = read(engine, "s", "ann", "bob")

    def say(users: Sequence[str]) -> None:
        ConsentStore(engine).append(
            [
                Entry(
                    entry_id=user, subject=("user_id", user), purpose=PERSONALISATION, state=State.WITHDRAWN,
                    occurred_at=NOW, received_at=NOW,
                )
                for user in users
            ]
        )  # fmt: skip

    say(["ann"])
    assert keep(engine, "s", seen) == {"ann"}
    assert keep(engine, "s", read(engine, "s", "ann"), personal=False) == set()
    with reading(engine) as connection:
        assert read_change_number(connection) > 0
