"""What a row of the log means for live state."""

from datetime import UTC, datetime, timedelta
from math import inf

import orjson
import pytest

from features.events.schema import ORDER_CANCELLED, ORDER_COMPLETED, ORDER_REFUNDED, PRODUCT_VIEWED
from features.online.live_entries import entries_of
from features.online.live_events import LiveEvent, LivePlace, PlaceKind
from recommender.ids import ItemNumber
from recommender.shopper import EventKind

RECEIVED_AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
OCCURRED_MS = int(RECEIVED_AT.timestamp() * 1000) - 1500
CONSENT = ["in_store_location", "personalisation"]


def row(event: str, **columns: object) -> dict[str, object]:
    return {
        "event_id": "e1", "line": 0, "event": event, "consent": CONSENT, "received_at": RECEIVED_AT,
        "occurred_at": RECEIVED_AT - timedelta(seconds=1.5), **columns,
    }  # fmt: skip


def entries(event: str, **columns: object) -> list[LiveEvent | LivePlace]:
    return entries_of(row(event, **columns), {"milk": ItemNumber(7)}.get)


def test_a_view_is_one_event_on_its_item():
    assert entries(PRODUCT_VIEWED, item_id="milk", quantity=2.5) == [
        LiveEvent(
            event_id="e1", line=0, kind=EventKind.VIEWED, item_number=ItemNumber(7), quantity=2.5,
            occurred_ms=OCCURRED_MS,
        )
    ]  # fmt: skip


def test_the_row_means_the_same_after_its_way_through_the_stream():
    sent = row(ORDER_COMPLETED, item_id="milk", quantity=1.0, order_id="o1", store_id="s1")
    assert entries_of(orjson.loads(orjson.dumps(sent)), {"milk": ItemNumber(7)}.get) == entries_of(
        sent, {"milk": ItemNumber(7)}.get
    )


@pytest.mark.parametrize("event", [ORDER_REFUNDED, ORDER_CANCELLED])
def test_what_takes_back_names_an_item_or_the_whole_order(event):
    of_item, of_order = entries(event, item_id="milk", order_id="o1"), entries(event, order_id="o1")
    assert [(entry.item_number, entry.quantity) for entry in of_item] == [(7, inf)]
    assert [(entry.item_number, entry.order_id) for entry in of_order] == [(None, "o1")]
    assert entries(event, item_id="unknown", order_id="o1") == []


def test_an_order_in_a_store_says_where_the_shopper_is():
    order = entries(ORDER_COMPLETED, item_id="milk", store_id="s1", order_id="o1")
    assert [type(entry) for entry in order] == [LivePlace, LiveEvent]
    assert order[0] == LivePlace(kind=PlaceKind.STORE, place_id="s1", occurred_ms=OCCURRED_MS)


def test_zones_count_with_the_consent_to_be_located_only():
    walk = {"store_id": "s1", "zone_id": "dairy"}
    assert [(entry.kind, entry.place_id) for entry in entries("Zone Entered", **walk)] == [
        (PlaceKind.ZONE, "dairy"), (PlaceKind.STORE, "s1"),
    ]  # fmt: skip
    assert entries("Zone Exited", **walk)[0].kind == PlaceKind.LEFT_ZONE
    assert entries("Zone Entered", consent=["personalisation"], **walk) == []


def test_old_events_and_those_without_consent_leave_no_trace():
    assert entries(PRODUCT_VIEWED, item_id="milk", consent=[]) == []
    assert entries(PRODUCT_VIEWED, item_id="milk", consent=None) == []
    week, moment = timedelta(days=7), timedelta(milliseconds=1)
    assert len(entries(PRODUCT_VIEWED, item_id="milk", occurred_at=RECEIVED_AT - week)) == 1
    assert entries(PRODUCT_VIEWED, item_id="milk", occurred_at=RECEIVED_AT - week - moment) == []


def test_other_events_and_unknown_items_have_no_effect():
    assert entries("Email Opened") == []
    assert entries(PRODUCT_VIEWED, item_id="unknown") == []
