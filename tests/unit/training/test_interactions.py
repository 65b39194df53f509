"""What training may read of an event log."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from features.events.schema import EVENT_COLUMNS, ORDER_COMPLETED, ORDER_REFUNDED
from features.markets import read_markets
from features.settings import Settings
from recommender.catalogue import CatalogueItem
from recommender.consent_answers import Answer
from recommender.consent_laws import Market, Markets
from recommender.errors import NotEnoughData
from recommender.ids import GroupId, ItemId, ItemNumber
from training.interactions import read_interactions
from training.permitted import Permissions

ITEM = CatalogueItem(
    item_id=ItemId("tea"), item_number=ItemNumber(1), group_id=GroupId("tea"), title="Tea", price=199, currency="USD",
    added_day=0.0,
)  # fmt: skip
AT = datetime(2026, 1, 5, 12, tzinfo=UTC)


def log(*rows: Mapping[str, object]) -> pl.LazyFrame:
    filled = [
        {"event_id": f"e{n}", "line": 0, "event": ORDER_COMPLETED, "order_id": f"o{n}", "user_id": "u",
         "item_id": "tea", "quantity": 1.0, "synthetic": False, "occurred_at": AT, "received_at": AT} | dict(row)
        for n, row in enumerate(rows)
    ]  # fmt: skip
    return pl.LazyFrame(filled, schema_overrides=EVENT_COLUMNS).select(
        *(
            pl.col(name) if name in filled[0] | dict(rows[-1]) else pl.lit(None, kind).alias(name)
            for name, kind in EVENT_COLUMNS.items()
        )
    )


MARKETS = read_markets(Settings(data_dir=Path("unused")))
AGREED = {("user_id", "u"): Answer.GRANTED}


def none_is_blocked(_: object) -> bool:
    return False


def read(frame: pl.LazyFrame):
    return read_interactions(frame, [ITEM], Permissions(AGREED, MARKETS, none_is_blocked), None)


def test_an_event_that_refused_teaches_nothing_though_its_shopper_consents():
    found = read(log({"consent": ["personalisation"]}, {"consent": ["analytics"]}, {"consent": None}))
    assert found.purchases["order_id"].to_list() == ["o0", "o2"]
    assert found.left_out == {"declined": 1}


def test_a_refund_takes_back_whatever_it_says_of_consent():
    back = {"event": ORDER_REFUNDED, "order_id": "o0", "consent": list[str]()}
    found = read(log({"consent": ["personalisation"]}, back))
    assert found.left_out == {}
    assert found.purchases["taken_back_day"].is_finite().all()


def test_a_log_without_consent_says_how_many_rows_it_left_out():
    with pytest.raises(NotEnoughData, match="1 rows"):
        read_interactions(
            log({"consent": ["personalisation"]}), [ITEM], Permissions({}, MARKETS, none_is_blocked), None
        )


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
    found = read_interactions(
        frame, [ITEM], Permissions(AGREED | {("user_id", "v"): Answer.GRANTED}, MARKETS, none_is_blocked), None, PERSONS
    )
    assert found.purchases["order_id"].to_list() == ["o0", "o1", "o2", "o3"]
    assert set(found.purchases["user_id"]) == {"u"}
    assert found.aliases == {"v": "u"}
    assert found.left_out == {"unasked": 2}


def test_a_user_id_that_did_not_agree_brings_nothing_and_finds_nothing():
    frame = log({"user_id": "u", "anonymous_id": None, "identifiers": None}, {"user_id": "v"})
    found = read_interactions(frame, [ITEM], Permissions(AGREED, MARKETS, none_is_blocked), None, PERSONS)
    assert found.purchases["order_id"].to_list() == ["o0"]
    assert found.aliases == {}


def test_the_law_of_the_market_decides_what_silence_means():
    """Nobody said anything; a market that the shop does not know has the strictest law."""
    laws = MARKETS.laws
    here = {"default": "eu", "nevada": "us_opt_out", "strictly": "strict"}
    markets = Markets(
        {name: Market(market_id=name, law=laws[law], currency="EUR", locale="en") for name, law in here.items()}, laws
    )
    asked = [None, "nevada", "strictly", "atlantis"]
    rows = [{"market": market, "consent": None} for market in asked]

    def learnt(answer: Answer | None, **more: object) -> tuple[list[str], dict[str, int]]:
        answers = {("anonymous_id", "phone"): Answer.GRANTED} | ({} if answer is None else {("user_id", "u"): answer})
        extra = {"market": "nevada", "anonymous_id": "phone"} | more
        found = read_interactions(log(extra, *rows), [ITEM], Permissions(answers, markets, none_is_blocked), None)
        return found.purchases["order_id"].to_list(), dict(found.left_out)

    assert learnt(None) == (["o0", "o2"], {"child": 2, "unasked": 1})
    assert learnt(Answer.GRANTED) == (["o0", "o1", "o2"], {"child": 2})
    assert learnt(Answer.BY_GUARDIAN) == (["o0", "o1", "o2", "o3", "o4"], {})
    with pytest.raises(NotEnoughData, match="5 rows"):
        learnt(Answer.REFUSED)


def test_what_a_device_refused_is_not_learnt_from_its_user():
    answers = AGREED | {("anonymous_id", "phone"): Answer.REFUSED}
    frame = log({"anonymous_id": "phone"}, {"anonymous_id": None}, {"anonymous_id": "tablet"})
    found = read_interactions(frame, [ITEM], Permissions(answers, MARKETS, none_is_blocked), None)
    assert found.purchases["order_id"].to_list() == ["o1", "o2"]
    assert found.left_out == {"refused": 1}


def test_who_is_erased_or_restricted_is_not_learnt_from_under_any_name():
    blocked = {("user_id", "v"), ("anonymous_id", "phone")}
    permissions = Permissions(AGREED | {("user_id", "v"): Answer.GRANTED}, MARKETS, blocked.__contains__)
    frame = log({"anonymous_id": None, "identifiers": None}, {"user_id": "v"}, {"anonymous_id": "phone"})
    found = read_interactions(frame, [ITEM], permissions, None, PERSONS)
    assert found.purchases["order_id"].to_list() == ["o0"]
    assert found.left_out == {"suppressed": 2}
    assert found.aliases == {}


def test_a_refund_of_an_item_that_the_catalogue_lacks_takes_nothing_else_back():
    of_order = {"event": ORDER_REFUNDED, "order_id": "o0", "quantity": None}
    found = read(log({}, {"order_id": "o0", "item_id": "gone"}, of_order | {"item_id": "gone"}))
    assert found.purchases["taken_back_day"].to_list() == [float("inf")]
    whole = read(log({}, {"order_id": "o0", "item_id": "gone"}, of_order | {"item_id": None}))
    assert whole.purchases["taken_back_day"].is_finite().all()


def test_an_order_without_an_id_goes_by_that_of_its_event():
    found = read(log({"order_id": None}, {"order_id": None}, {"order_id": "e0"}))
    assert found.purchases["order_id"].to_list() == ["e0", "e1"]


@pytest.mark.parametrize(
    "other", [{"order_id": "other"}, {"store_id": "s2"}, {"quantity": 2.0}, {"occurred_at": AT.replace(hour=13)}]
)
def test_the_fingerprint_tells_other_interactions_apart(other: dict[str, object]):
    rows: tuple[dict[str, object], ...] = {"store_id": "s1"}, {"store_id": "s1"}
    assert read(log(*rows)).fingerprint() == read(log(*rows)).fingerprint()
    assert read(log(rows[0], rows[1] | other)).fingerprint() != read(log(*rows)).fingerprint()
