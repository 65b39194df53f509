"""What training may read of an event log."""

from datetime import UTC, datetime

import polars as pl
import pytest

from features.events.schema import EVENT_COLUMNS, ORDER_COMPLETED, ORDER_REFUNDED
from recommender.catalogue import CatalogueItem
from recommender.errors import NotEnoughData
from recommender.ids import GroupId, ItemId, ItemNumber, UserId
from training.interactions import read_interactions

ITEM = CatalogueItem(
    item_id=ItemId("tea"), item_number=ItemNumber(1), group_id=GroupId("tea"), title="Tea", price=199, currency="USD",
    added_day=0.0,
)  # fmt: skip
AT = datetime(2026, 1, 5, 12, tzinfo=UTC)


def log(*rows: dict[str, object]) -> pl.LazyFrame:
    filled = [
        {"event_id": f"e{n}", "line": 0, "event": ORDER_COMPLETED, "order_id": f"o{n}", "user_id": "u",
         "item_id": "tea", "quantity": 1.0, "synthetic": False, "occurred_at": AT, "received_at": AT} | row
        for n, row in enumerate(rows)
    ]  # fmt: skip
    return pl.LazyFrame(filled, schema_overrides=EVENT_COLUMNS).select(
        *(
            pl.col(name) if name in filled[0] | rows[-1] else pl.lit(None, kind).alias(name)
            for name, kind in EVENT_COLUMNS.items()
        )
    )


def read(frame: pl.LazyFrame):
    return read_interactions(frame, [ITEM], {UserId("u")}, None)


def test_an_event_that_refused_teaches_nothing_though_its_shopper_consents():
    found = read(log({"consent": ["personalisation"]}, {"consent": ["analytics"]}, {"consent": None}))
    assert found.purchases["order_id"].to_list() == ["o0", "o2"]
    assert found.rows_without_consent == 1


def test_a_refund_takes_back_whatever_it_says_of_consent():
    back = {"event": ORDER_REFUNDED, "order_id": "o0", "consent": list[str]()}
    found = read(log({"consent": ["personalisation"]}, back))
    assert found.purchases["taken_back_day"].is_finite().all()


def test_a_log_without_consent_says_how_many_rows_it_left_out():
    with pytest.raises(NotEnoughData, match="1 rows"):
        read_interactions(log({"consent": ["personalisation"]}), [ITEM], set(), None)


PERSONS = pl.DataFrame(
    [
        ("user_id", "u", "u"), ("user_id", "v", "u"), ("loyalty_card", "77", "u"), ("anonymous_id", "browser", "u"),
        ("user_id", "w", "w"), ("anonymous_id", "phone", "w"),
    ],
    schema=["kind", "value", "person"], orient="row",
)  # fmt: skip


def test_what_one_person_did_under_several_identifiers_is_learnt_as_one_shopper():
    nobody = {"user_id": None}
    frame = log(
        {"identifiers": None, "anonymous_id": None},
        {"user_id": "v"},
        nobody | {"identifiers": '{"loyalty_card": "77"}'},
        nobody | {"anonymous_id": "browser"},
        nobody | {"anonymous_id": "stranger"},
        nobody | {"anonymous_id": "stranger", "identifiers": '{"claimed": {"user_id": "u", "loyalty_card": "77"}}'},
        {"user_id": "w"},
        nobody | {"anonymous_id": "phone"},
    )
    found = read_interactions(frame, [ITEM], {UserId("u"), UserId("v")}, None, PERSONS)
    assert found.purchases["order_id"].to_list() == ["o0", "o1", "o2", "o3"]
    assert set(found.purchases["user_id"]) == {"u"}
    assert found.aliases == {"v": "u"}
    assert found.rows_without_consent == 2


def test_a_user_id_that_did_not_agree_brings_nothing_and_finds_nothing():
    frame = log({"user_id": "u", "anonymous_id": None, "identifiers": None}, {"user_id": "v"})
    found = read_interactions(frame, [ITEM], {UserId("u")}, None, PERSONS)
    assert found.purchases["order_id"].to_list() == ["o0"]
    assert found.aliases == {}
