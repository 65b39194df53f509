"""Keys in SQL: what is kept of them, and how one takes the place of another."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from features.keys import digest_of, new_key
from features.sql.changes import read_changes
from features.sql.key_store import KeyStore
from recommender.errors import InvalidInput

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
