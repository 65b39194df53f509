"""Random event logs of what was shown and what came of it, and attribution worked out once more in plain Python."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import strategies as st

from features.events.schema import (
    EVENT_COLUMNS,
    ORDER_CANCELLED,
    ORDER_COMPLETED,
    ORDER_REFUNDED,
    PRODUCT_ADDED,
    PRODUCT_CLICKED,
    PRODUCT_VIEWED,
    RECOMMENDATION_CLICKED,
    RECOMMENDATION_SERVED,
    RECOMMENDATION_VIEWED,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
HOURS = st.integers(0, 24 * 25).map(float) | st.integers(0, 30).map(float)
ITEMS = ("a", "a2", "b", "c")
GROUPS = {"a": "A", "a2": "A"}  # two variants of one product
# A shopper before and after login, and others.
NOBODY: dict[str, str] = {}
WHO = ({"user_id": "u1"}, {"anonymous_id": "x1"}, {"user_id": "u1", "anonymous_id": "x1"}, {"user_id": "u2"}, NOBODY)
PERSONS = {("user_id", "u1"): "one", ("anonymous_id", "x1"): "one"}
LISTS = ("r1", "r2", "r3")
CLICKS = (RECOMMENDATION_CLICKED, PRODUCT_CLICKED)

Row = dict[str, Any]


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def log_of(rows: Iterable[Row]) -> pl.DataFrame:
    """Rows of the log; each event has an id of its own unless it says otherwise."""
    usual: Row = {"line": 0, "synthetic": False}
    full = [
        usual | {"event_id": f"e{number}", "received_at": row["occurred_at"]} | row for number, row in enumerate(rows)
    ]
    return pl.DataFrame(full, schema=EVENT_COLUMNS)


def served(recommendation_id: str, hours: float, item_ids: list[str], **who: str) -> Row:
    properties = {
        "placement": "home", "item_ids": item_ids, "sources": ["popular"] * len(item_ids), "context_item_id": None,
        "fallback": "none", "personalised": False,
    }  # fmt: skip
    return {
        "event": RECOMMENDATION_SERVED, "event_id": recommendation_id, "recommendation_id": recommendation_id,
        "occurred_at": at(hours), "properties": json.dumps(properties), "propensity": 1.0, **who,
    }  # fmt: skip


def act(event: str, hours: float, item_id: str | None = None, **more: Any) -> Row:
    return {"event": event, "occurred_at": at(hours), "item_id": item_id, **more}


def order(order_id: str, hours: float, item_id: str, quantity: float = 1.0, **more: Any) -> Row:
    money = {"price": 300, "discount": 100, "currency": "EUR"}
    return act(ORDER_COMPLETED, hours, item_id, **({"order_id": order_id, "quantity": quantity} | money | more))


@st.composite
def logs(draw: st.DrawFn) -> list[Row]:
    """A few lists, and a few dozen acts on their items by the same few people."""
    contents = st.sampled_from([["a"], ["a", "b"], ["b", "c"], ["c", "a2", "b"]])
    rows = [served(name, draw(HOURS), draw(contents), **draw(st.sampled_from(WHO))) for name in LISTS]
    for number in range(draw(st.integers(0, 24))):
        event = draw(
            st.sampled_from([RECOMMENDATION_VIEWED, *CLICKS, PRODUCT_VIEWED, PRODUCT_ADDED, *[ORDER_COMPLETED] * 3])
        )
        said = draw(st.sampled_from([None, None, *LISTS, "unheard of"]))
        more: Row = {"recommendation_id": said, **draw(st.sampled_from(WHO))}
        hours, item_id = draw(HOURS), draw(st.sampled_from(ITEMS))
        if event == ORDER_COMPLETED:
            rows.append(order(f"o{number}", hours, item_id, draw(st.sampled_from([1.0, 2.0, 4.0])), **more))
            back = draw(st.sampled_from([None, None, ORDER_REFUNDED, ORDER_CANCELLED]))
            if back is not None:
                taken = draw(st.sampled_from([{}, {"item_id": item_id, "quantity": 1.0}, {"item_id": item_id}]))
                rows.append(act(back, draw(HOURS), order_id=f"o{number}") | taken)
        elif event == RECOMMENDATION_VIEWED:
            rows.append(act(event, hours, draw(st.sampled_from([None, item_id])), **more))
        else:
            rows.append(act(event, hours, item_id, **more))
    return rows


def expected(rows: list[Row]) -> Mapping[str, tuple[str | None, str | None, int | None, int]]:
    """By "order item": how it is credited, to which list and slot, and the value that was kept."""
    shown = [
        {"list": row["recommendation_id"], "slot": slot, "product": GROUPS.get(item, item), "who": person(row),
         "at": row["occurred_at"]}
        for row in rows if row["event"] == RECOMMENDATION_SERVED
        for slot, item in enumerate(json.loads(row["properties"])["item_ids"], start=1)
    ]  # fmt: skip
    seen = [
        one | {"at": min(times)}
        for one in shown
        if (times := [row["occurred_at"] for row in rows if is_view_of(row, one)])
    ]
    clicks = [found | {"at": row["occurred_at"]} for row in rows if (found := clicked(row, shown)) is not None]
    results = {}
    for row in rows:
        if row["event"] != ORDER_COMPLETED:
            continue
        how, to = "stated", stated(row, shown, days=14)
        if to is None:
            how, to = "click", last(row, clicks, hours=7 * 24)
        if to is None:
            how, to = "view", last(row, seen, hours=24)
        key = f"{row['order_id']} {row['item_id']}"
        credit = (None, None, None) if to is None else (how, to["list"], to["slot"])
        results[key] = (*credit, kept_value(row, rows))
    return results


def person(row: Row) -> str | None:
    for kind in ("user_id", "anonymous_id"):
        if row.get(kind) is not None:
            return PERSONS.get((kind, row[kind]), f"{kind} {row[kind]}")
    return None


def is_view_of(row: Row, one: Row) -> bool:
    if row["event"] != RECOMMENDATION_VIEWED or row["recommendation_id"] != one["list"]:
        return False
    named = row["item_id"] is None or GROUPS.get(row["item_id"], row["item_id"]) == one["product"]
    return named and -timedelta(minutes=5) <= row["occurred_at"] - one["at"] <= timedelta(days=7)


def clicked(row: Row, shown: list[Row]) -> Row | None:
    if row["event"] not in {*CLICKS, PRODUCT_VIEWED}:
        return None
    found = stated(row, shown, days=7)
    if found is None and row["event"] != PRODUCT_VIEWED:
        found = last(row, shown, hours=7 * 24)
    return None if found is None else found | {"who": person(row)}


def stated(row: Row, shown: list[Row], days: int) -> Row | None:
    product = GROUPS.get(row["item_id"], row["item_id"])
    for one in shown:
        if (row["recommendation_id"], product) == (one["list"], one["product"]):
            after = row["occurred_at"] - one["at"]
            return one if -timedelta(minutes=5) <= after <= timedelta(days=days) else None
    return None


def last(row: Row, touches: list[Row], hours: int) -> Row | None:
    who, product = person(row), GROUPS.get(row["item_id"], row["item_id"])
    theirs = [
        one
        for one in touches
        if who is not None
        and (one["who"], one["product"]) == (who, product)
        and timedelta() <= row["occurred_at"] - one["at"] <= timedelta(hours=hours)
    ]
    return max(theirs, key=lambda one: (one["at"], one["list"], one["slot"]), default=None)


def kept_value(row: Row, rows: list[Row]) -> int:
    backs = [
        other for other in rows
        if other["event"] in {ORDER_REFUNDED, ORDER_CANCELLED} and other["order_id"] == row["order_id"]
    ]  # fmt: skip
    back = sum(
        row["quantity"] if other.get("item_id") is None else other.get("quantity", row["quantity"]) for other in backs
    )
    value = row["price"] * row["quantity"] - row["discount"]
    return round(value * (1 - min(back, row["quantity"]) / row["quantity"]))
