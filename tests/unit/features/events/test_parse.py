from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.events.parse import CLOCK_SKEW, parse_events
from features.events.schema import EVENT_COLUMNS, ORDER_COMPLETED, ORDER_REFUNDED, PRODUCT_VIEWED

NOW = datetime(2026, 6, 1, tzinfo=UTC)
VIEW = {
    "event_id": "e", "event": PRODUCT_VIEWED, "user_id": "u", "item_id": "i", "occurred_at": "2026-05-01T10:00:00Z",
}  # fmt: skip


def parse(**changes: str | None):
    row = {**dict.fromkeys(EVENT_COLUMNS), **VIEW, **changes}
    events, reasons = parse_events(pl.DataFrame([row], schema=dict.fromkeys(EVENT_COLUMNS, pl.String)), NOW)
    assert events.schema == EVENT_COLUMNS
    return events.row(0, named=True), reasons[0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"event_id": None}, "event_id is missing"),
        ({"event_id": "  "}, "event_id is missing"),
        ({"event_id": "a\0b"}, "event_id contains a NUL character"),
        ({"event_id": "a\nb"}, "event_id contains a control character"),
        ({"event_id": "x" * 201}, "event_id is longer than 200 characters"),
        ({"item_id": "\ufffd"}, "item_id is not UTF-8"),
        ({"item_id": None}, "item_id is missing"),
        ({"user_id": None}, "user_id and anonymous_id are missing"),
        ({"event": ORDER_COMPLETED}, "order_id is missing"),
        ({"line": "one"}, "line is not a whole number"),
        ({"line": "-1"}, "line is negative"),
        ({"line": "99999999999"}, "line is not a whole number"),
        ({"quantity": "0"}, "quantity is not above 0"),
        ({"quantity": "nan"}, "quantity is not above 0"),
        ({"quantity": "inf"}, "quantity is not above 0"),
        ({"quantity": "many"}, "quantity is not a number"),
        ({"price": "-1", "currency": "EUR"}, "price is negative"),
        ({"price": "1.99", "currency": "EUR"}, "price is not a whole number"),
        ({"price": "1"}, "currency is missing"),
        ({"discount": "1e13", "currency": "EUR"}, "discount is too large"),
        ({"currency": "euro"}, "currency is no code of three capitals, such as EUR"),
        ({"channel": "pigeon"}, "channel is none of store, web, app, email, call_centre"),
        ({"propensity": "0"}, "propensity is not above 0 and at most 1"),
        ({"propensity": "nan"}, "propensity is not above 0 and at most 1"),
        ({"synthetic": "maybe"}, "synthetic is not true or false"),
        ({"consent": "!!"}, "consent is no list of purposes"),
        ({"properties": "[]"}, "properties is no JSON object"),
        ({"identifiers": "{"}, "identifiers is no JSON object"),
        ({"occurred_at": None}, "occurred_at is missing"),
        ({"occurred_at": "1989-12-31"}, "occurred_at is before 1990"),
        ({"occurred_at": "2026-02-30"}, "occurred_at is not a time such as 2026-11-21T09:30:00Z"),
        ({"received_at": "2026-06-02"}, "received_at is in the future"),
        ({"sent_at": "never"}, "sent_at is not a time such as 2026-11-21T09:30:00Z"),
    ],
)
def test_what_does_not_fit_is_named(changes, reason):
    assert parse(**changes)[1] == reason


def test_the_reason_for_an_unknown_event_lists_the_known_ones():
    assert parse(event="Slept")[1].startswith("event is none of Product Viewed, ")


def test_a_purpose_that_nobody_knows_is_refused():
    assert "none of personalisation" in parse(consent="personalisation world_domination")[1]


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-01T10:00:00Z", "2026-05-01t10:00:00z", "2026-05-01 10:00:00", "2026-05-01 10:00:00 UTC",
        "2026-05-01T12:00:00+02:00", "2026-05-01T05:30:00-0430", "2026-05-01T10:00:00.000000000+00:00",
    ],
)  # fmt: skip
def test_ways_to_write_a_time(text):
    event, reason = parse(occurred_at=text)
    assert reason is None
    assert event["occurred_at"] == event["received_at"] == datetime(2026, 5, 1, 10, tzinfo=UTC)


def test_a_date_is_its_first_moment():
    assert parse(occurred_at="2026-05-01")[0]["occurred_at"] == datetime(2026, 5, 1, tzinfo=UTC)


def test_a_clock_may_run_a_little_ahead():
    assert parse(occurred_at=(NOW + CLOCK_SKEW).isoformat())[1] is None
    assert parse(occurred_at=(NOW + CLOCK_SKEW + timedelta(seconds=1)).isoformat())[1] == "occurred_at is in the future"


@pytest.mark.parametrize(
    "text", ['["analytics","personalisation"]', "analytics personalisation", "analytics;personalisation"]
)
def test_ways_to_write_purposes(text):
    assert parse(consent=text)[0]["consent"] == ["analytics", "personalisation"]


def test_consent_to_nothing_is_not_the_same_as_no_word():
    assert parse(consent="[]")[0]["consent"] == []
    assert parse()[0]["consent"] is None


def test_a_refund_needs_its_order_and_nothing_else():
    assert parse(event=ORDER_REFUNDED, order_id="1", user_id=None, item_id=None)[1] is None


def test_whole_numbers_may_come_as_decimals():
    event, reason = parse(price="199.0", currency="EUR", line="2.0")
    assert reason is None
    assert (event["price"], event["line"]) == (199, 2)


@given(st.sampled_from(sorted(EVENT_COLUMNS)), st.text(max_size=30))
def test_whatever_a_field_holds_the_row_is_parsed_or_refused(column, text):
    event, reason = parse(**{column: text})
    if reason is None:
        assert all(event[name] is not None for name in ("event_id", "line", "event", "synthetic", "received_at"))
        assert not any("\0" in value for value in event.values() if isinstance(value, str))


@given(st.datetimes(datetime(1990, 1, 1), datetime(2026, 5, 31)))  # noqa: DTZ001 - made aware below
def test_a_time_survives_being_written(at):
    assert parse(occurred_at=at.replace(tzinfo=UTC).isoformat())[0]["occurred_at"] == at.replace(tzinfo=UTC)
