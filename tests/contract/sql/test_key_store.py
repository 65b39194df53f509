"""Keys in SQL: what is kept of them, and how one takes the place of another."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis
from sqlalchemy import Engine

from features.keys import digest_of, new_key
from features.online.limits import SharedLimits
from features.sql.changes import read_changes
from features.sql.key_store import KeyStore
from recommender.errors import InvalidInput
from serving.access import EVENTS_WRITE
from serving.limits import Limits
from serving.shared_counts import SharedCounts
from tests.gates import open_gate

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_key_comes_back_as_it_was_kept(engine: Engine):
    key, _ = new_key(
        "pk", "web", NOW, origins=("https://shop.example",), apps=("com.example.shop",), per_minute=60,
        expires_at=NOW + DAY,
    )  # fmt: skip
    KeyStore(engine).add(key)
    assert KeyStore(engine).read_all() == (key,)


def test_a_successor_may_do_the_same_and_the_old_key_ends_after_the_overlap(engine: Engine):
    store = KeyStore(engine)
    key, text = new_key("rk", "till", NOW, scopes=("events:write",), per_minute=9, expires_at=NOW + 30 * DAY)
    seen = store.add(key)
    old, new, new_text = store.rotate(key.key_id, NOW + DAY, timedelta(hours=2))
    assert digest_of(new_text) == new.digest != digest_of(text) == old.digest
    assert (new.kind, new.label, new.scopes, new.per_minute, new.replaces) == (
        "rk", "till", ("events:write",), 9, key.key_id
    )  # fmt: skip
    assert old.expires_at == NOW + DAY + timedelta(hours=2)
    assert new.expires_at == NOW + 31 * DAY
    assert set(read_changes(engine, seen).keys) == {old, new}  # so every worker hears of both


def test_the_last_use_of_a_key_reaches_sql_and_wakes_nobody(engine: Engine):
    store = KeyStore(engine)
    (key, text), (other, _) = new_key("sk", "till", NOW), new_key("sk", "spare", NOW)
    store.add(key)
    seen = store.add(other)
    clock = [NOW + DAY]
    gate = open_gate(keys=store.read_all(), clock=lambda: clock[0])
    counts = SharedCounts(
        limits=Limits(SharedLimits(Redis()), lambda: b""),
        lockouts=[],
        take_uses=gate.take_uses,
        note_use=store.note_use,
    )

    def call_at(now: datetime) -> datetime | None:
        clock[0] = now
        gate.admit({"headers": [(b"authorization", f"Bearer {text}".encode())], "client": None}, EVENTS_WRITE)
        asyncio.run(counts.note_uses())
        return {one.key_id: one.last_used_at for one in store.read_all()}[key.key_id]

    assert call_at(NOW + DAY) == NOW + DAY
    assert call_at(NOW + timedelta(hours=1)) == NOW + DAY  # as of a worker that tells it late
    assert call_at(NOW + 2 * DAY) == NOW + 2 * DAY
    assert {one.key_id: one.last_used_at for one in store.read_all()}[other.key_id] is None
    assert read_changes(engine, seen).keys == ()


def test_an_overlap_never_makes_a_key_live_longer(engine: Engine):
    store = KeyStore(engine)
    key, _ = new_key("sk", "", NOW, expires_at=NOW + timedelta(minutes=5))
    store.add(key)
    old, _, _ = store.rotate(key.key_id, NOW, DAY)
    assert old.expires_at == key.expires_at


def test_only_a_live_key_that_nothing_replaced_is_rotated(engine: Engine):
    store = KeyStore(engine)
    key, _ = new_key("sk", "", NOW)
    store.add(key)
    _, new, _ = store.rotate(key.key_id, NOW, DAY)
    for key_id, now in [(key.key_id, NOW), (key.key_id, NOW + 2 * DAY), ("key_none", NOW)]:
        before = store.read_all()
        with pytest.raises(InvalidInput) as caught:
            store.rotate(key_id, now, DAY)
        assert caught.value.remedy
        assert store.read_all() == before
    store.revoke(new.key_id, NOW)
    store.rotate(key.key_id, NOW, DAY)  # the successor was lost: another may take its place
