"""What becomes of rows of the log that name somebody erased."""

import json
from datetime import UTC, datetime
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from features.events.schema import EVENT_COLUMNS
from features.privacy.rows import RowCleaner, frame_of, owner_of

SECRET = b"a secret of the tests"
ERASED = {("user_id", "zoe"), ("anonymous_id", "device"), ("loyalty_card", "CARD")}
CLEANER = RowCleaner(ERASED.__contains__, SECRET)
AT = datetime(2026, 11, 3, 9, 41, 7, tzinfo=UTC)

names = st.sampled_from([None, "zoe", "max"])
devices = st.sampled_from([None, "device", "another"])
said = st.sampled_from(
    [None, {"loyalty_card": "CARD"}, {"loyalty_card": "OTHER"}, {"claimed": {"user_id": "zoe"}}, {"device": "ios-1"}]
)
events = st.sampled_from(["Order Completed", "Order Refunded", "Product Viewed", "Custom"])


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    identifiers = draw(said)
    return {
        "event_id": draw(st.sampled_from(["e1", "e2", "e3", "e4"])), "line": draw(st.integers(0, 3)),
        "event": draw(events), "order_id": draw(st.sampled_from([None, "o-zoe", "o2"])), "user_id": draw(names),
        "anonymous_id": draw(devices), "identifiers": None if identifiers is None else json.dumps(identifiers),
        "session_id": "s", "item_id": "i1", "quantity": 2.0, "price": 250, "synthetic": False, "occurred_at": AT,
        "received_at": AT, "properties": '{"note": "zoe"}', "consent": ["personalisation"],
    }  # fmt: skip


def unique(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({(row["event_id"], row["line"]): row for row in listed}.values())


@given(st.lists(rows(), max_size=12).map(unique))
def test_cleaning_leaves_no_name_and_all_sales(listed):
    frame = frame_of(listed)
    cleaned = CLEANER.clean(frame)
    assert cleaned.schema == pl.Schema(EVENT_COLUMNS)
    for row in cleaned.to_dicts():
        assert ("user_id", row["user_id"]) not in ERASED
        assert ("anonymous_id", row["anonymous_id"]) not in ERASED
        assert "CARD" not in (row["identifiers"] or "")
        assert "zoe" not in (row["identifiers"] or "")
        if row["event_id"].startswith("erased-"):
            assert row["consent"] == []
            assert row["properties"] is row["session_id"] is None
            assert "zoe" not in (row["order_id"] or "")

    def sold(rows: pl.DataFrame) -> tuple[Any, ...]:
        orders = rows.filter(pl.col("event").is_in(["Order Completed", "Order Refunded"]))
        return len(orders), (orders["price"] * orders["quantity"]).sum()

    assert sold(cleaned) == sold(frame)
    assert CLEANER.clean(cleaned).equals(cleaned)


@given(rows())
def test_rows_of_others_keep_all_but_the_name(row):
    owner = owner_of(row)
    if owner is not None and owner not in ERASED:
        cleaned = CLEANER.clean_row(row)
        assert cleaned is not None
        changed = {name for name in row if cleaned[name] != row[name]}
        assert changed <= {"anonymous_id", "identifiers"}


def test_the_same_event_gets_the_same_name_again():
    row = dict.fromkeys(EVENT_COLUMNS) | {
        "event_id": "e1", "line": 0, "event": "Order Completed", "order_id": "o1", "user_id": "zoe", "synthetic": False,
        "occurred_at": AT, "received_at": AT,
    }  # fmt: skip
    first, again = CLEANER.clean_row(row), CLEANER.clean_row(dict(row))
    assert first == again
    assert first is not None
    assert first["occurred_at"] == AT.replace(minute=0, second=0)
