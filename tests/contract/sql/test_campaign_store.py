"""Campaigns in SQL, on both databases: versions, states, and what the ledger lets them spend at each step."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from features.audit import Author
from features.campaigns import StoredCampaign
from features.ledger.books import lock_campaigns
from features.ledger.ledger import Ledger
from features.ledger.values import Coupon, IssueRequest
from features.sql.campaign_import import import_campaigns
from features.sql.campaign_store import CampaignStore
from features.sql.changes import read_changes, read_standing
from features.sql.engine import exclusive
from features.sql.segment_store import SegmentStore
from features.sql.tables.audit import audit_entries
from features.sql.tables.campaigns import campaign_versions
from recommender.errors import ChangedMeanwhile, Conflict, InvalidCampaign, InvalidInput, UnknownCampaign
from recommender.offers.refusal import Refusal

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
PASTA: dict[str, Any] = {
    "title": "Pasta", "currency": "EUR", "timezone": "Europe/Vienna",
    "discount": {"kind": "percent", "percent": 20, "max_discount": 150}, "budget": {"count": 2},
    "valid_from": "2026-12-01T00:00:00", "valid_until": "2026-12-24T18:00:00",
}  # fmt: skip
ANN = Author("key_ann")


@pytest.fixture
def store(engine: Engine) -> CampaignStore:
    return CampaignStore(engine)


@pytest.fixture
def ledger(engine: Engine) -> Ledger:
    return Ledger(engine, lambda: b"s" * 32, lambda: NOW)


def issue(ledger: Ledger, decision: str) -> Coupon | Refusal:
    return ledger.issue(
        IssueRequest(
            campaign_id="pasta", decision_id=decision, holder=("user_id", decision), most_discount=150,
            valid_from=NOW, valid_until=NOW + timedelta(hours=4),
        )
    )  # fmt: skip


def active(store: CampaignStore) -> StoredCampaign:
    store.create("pasta", PASTA)
    return store.move("pasta", "activate")


def test_only_an_active_campaign_spends(store: CampaignStore, ledger: Ledger) -> None:
    store.create("pasta", PASTA)
    assert issue(ledger, "a") == Refusal.KILLED
    store.move("pasta", "activate")
    assert isinstance(issue(ledger, "b"), Coupon)
    store.move("pasta", "pause")
    assert issue(ledger, "c") == Refusal.KILLED
    store.move("pasta", "activate")
    assert isinstance(issue(ledger, "d"), Coupon)
    assert issue(ledger, "e") == Refusal.BUDGET_EXHAUSTED
    store.move("pasta", "end")
    assert issue(ledger, "f") == Refusal.KILLED


def test_the_switch_leaves_coupons_valid_unless_told_otherwise(store: CampaignStore, ledger: Ledger) -> None:
    active(store)
    coupon = issue(ledger, "a")
    assert isinstance(coupon, Coupon)
    assert store.move("pasta", "kill").killed == "offers"
    assert issue(ledger, "b") == Refusal.KILLED
    with ledger.writing() as books:
        assert lock_campaigns(books.connection, ["pasta"])["pasta"].state == "closed"
    assert store.move("pasta", "kill", coupons=True).killed == "coupons"
    assert store.move("pasta", "kill").killed == "coupons"
    with ledger.writing() as books:
        assert lock_campaigns(books.connection, ["pasta"])["pasta"].state == "killed"


def test_the_switch_works_for_a_definition_that_no_longer_parses(store: CampaignStore, engine: Engine) -> None:
    active(store)
    with exclusive(engine) as connection:
        connection.execute(update(campaign_versions).values(definition={"of": "an older release"}))
    assert store.move("pasta", "kill").state == "ended"


def test_nothing_leads_out_of_ended(store: CampaignStore) -> None:
    active(store)
    store.move("pasta", "end")
    for action in ("activate", "pause"):
        with pytest.raises(Conflict):
            store.move("pasta", action)
    with pytest.raises(Conflict):
        store.replace("pasta", PASTA, if_match=store.get("pasta").change_number)
    with pytest.raises(Conflict):
        store.delete("pasta")


def test_a_version_is_kept_and_changes_only_what_was_seen(store: CampaignStore, ledger: Ledger) -> None:
    seen = active(store)
    changed = store.replace("pasta", PASTA | {"budget": {"count": 1}}, if_match=seen.change_number, by=ANN)
    assert (changed.version, changed.state) == (2, "active")
    with pytest.raises(ChangedMeanwhile):
        store.replace("pasta", PASTA, if_match=seen.change_number)
    assert isinstance(issue(ledger, "a"), Coupon)
    assert issue(ledger, "b") == Refusal.BUDGET_EXHAUSTED  # by the new budget
    versions = store.versions("pasta")
    assert [(one.version, one.definition["budget"], one.actor) for one in versions] == [
        (2, {"count": 1}, "key_ann"), (1, {"count": 2}, "system"),
    ]  # fmt: skip


def test_what_the_ledger_counts_by_cannot_change(store: CampaignStore) -> None:
    seen = active(store)
    with pytest.raises(InvalidInput) as refused:
        store.replace("pasta", PASTA | {"currency": "USD"}, if_match=seen.change_number)
    assert refused.value.field == "currency"
    assert store.get("pasta") == seen
    assert len(store.versions("pasta")) == 1


def test_a_draft_is_made_once_and_can_go(store: CampaignStore) -> None:
    first = store.create("pasta", PASTA)
    assert store.create("pasta", PASTA) == first
    with pytest.raises(Conflict):
        store.create("pasta", PASTA | {"title": "Rice"})
    with pytest.raises(InvalidCampaign):
        store.create("rice", {"title": "Rice"})
    store.delete("pasta", if_match=first.change_number)
    with pytest.raises(UnknownCampaign):
        store.get("pasta")


def test_workers_hear_of_what_changed(store: CampaignStore, engine: Engine) -> None:
    before = read_standing(engine)
    moved = active(store)
    SegmentStore(engine).put("vip", ["ann", "bob", "ann"])
    SegmentStore(engine).put("nobody", [])
    changes = read_changes(engine, before.change_number)
    assert changes.campaigns == (moved,)
    assert {one.segment_id: one.user_ids for one in changes.segments} == {"nobody": (), "vip": ("ann", "bob")}
    SegmentStore(engine).put("vip", ["cid"])
    standing = read_standing(engine)
    assert standing.campaigns == (moved,)
    assert {one.segment_id: one.user_ids for one in standing.segments} == {"nobody": (), "vip": ("cid",)}
    store.move("pasta", "end")
    assert read_standing(engine).campaigns == ()


def test_an_import_keeps_what_is_there(store: CampaignStore, engine: Engine, ledger: Ledger) -> None:
    store.create("rice", PASTA)
    stated = [("pasta", "active", PASTA), ("rice", "active", PASTA), ("soup", "ended", PASTA)]
    assert import_campaigns(engine, stated) == 2  # pyright: ignore[reportArgumentType] - states
    assert import_campaigns(engine, stated) == 0  # pyright: ignore[reportArgumentType] - states
    assert [(one.campaign_id, one.state) for one in store.read_all()] == [
        ("pasta", "active"), ("rice", "draft"), ("soup", "ended"),
    ]  # fmt: skip
    assert isinstance(issue(ledger, "a"), Coupon)


def test_pages_of_a_state_follow_the_ids(store: CampaignStore) -> None:
    for name in ("a", "b", "c"):
        store.create(name, PASTA)
    store.move("b", "activate")
    assert [one.campaign_id for one in store.read_all("draft", after="a", limit=5)] == ["c"]
    assert [one.campaign_id for one in store.read_all(after="", limit=2)] == ["a", "b"]


def test_each_change_is_in_the_trail(store: CampaignStore, engine: Engine) -> None:
    seen = active(store)
    store.replace("pasta", PASTA, if_match=seen.change_number, by=ANN)
    store.move("pasta", "kill", by=ANN)
    store.move("pasta", "kill", by=ANN)  # it was so already
    with engine.connect() as connection:
        actions = connection.execute(select(audit_entries.c.action).order_by(audit_entries.c.audit_number))
        assert list(actions.scalars()) == [
            "campaigns.create", "campaigns.activate", "campaigns.replace", "campaigns.kill",
        ]  # fmt: skip
