"""One event as it was read becomes rows of the log."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from features.definitions import ACCEPTED_LEAD
from features.events.schema import TAKES_BACK
from features.events.stream import EventRow
from features.traits import is_personal
from recommender.money import MINOR_DIGITS
from serving.events.reading import EARLIEST, Reading, text_of
from serving.events.schemas import Product, Properties

CONTACTS = frozenset({"email", "phone"})  # never kept: they name a person to anyone who reads the log
PRODUCT_FIELDS = frozenset(Product.__struct_fields__)
SHARED_FIELDS = frozenset(Properties.__struct_fields__) - PRODUCT_FIELDS


@dataclass(frozen=True, slots=True)
class Named:
    """Whom the rows of an event name: nothing where nothing personal may be kept.

    Attributes:
        identifiers: JSON of the identifiers without a column, and under "claimed" of those that nobody vouched for.
    """

    user_id: str | None = None
    anonymous_id: str | None = None
    session_id: str | None = None
    identifiers: str | None = None


def moment_of(timestamp: datetime | None, sent_at: datetime | None, received_at: datetime) -> tuple[datetime, bool]:
    """When an event happened by our clock, to the millisecond, and whether it claimed to lie in the future.

    The sender's clock is set right by the moment of sending: received - (sent - timestamp). What then still lies in
    the future is taken to have happened when it was received.
    """
    if timestamp is None:
        return _to_milliseconds(received_at), False
    happened = timestamp if sent_at is None else received_at - (sent_at - timestamp)
    if happened < EARLIEST:  # no clock is that wrong: the moment of sending is
        happened = timestamp
    if happened > received_at + ACCEPTED_LEAD:
        return _to_milliseconds(received_at), True
    return _to_milliseconds(happened), False


def rows_of(
    reading: Reading,
    item_ids: list[str],
    named: Named,
    *,
    purposes: list[str],
    occurred_at: datetime,
    sent_at: datetime | None,
    received_at: datetime,
) -> list[EventRow]:
    """Rows of the log: one per item of `item_ids`, which stand beside `reading.items`, or one without an item."""
    properties = reading.properties
    shared: EventRow = {
        "event_id": reading.message_id, "event": reading.name, "line": 0,
        "user_id": named.user_id, "anonymous_id": named.anonymous_id, "session_id": named.session_id,
        "identifiers": named.identifiers, "consent": purposes, "synthetic": False, "occurred_at": occurred_at,
        "sent_at": sent_at, "received_at": received_at,
    }  # fmt: skip
    if reading.term is None:
        return [shared | {"properties": _json(_without(reading.call.properties or {}, CONTACTS))}]
    shared |= {
        "order_id": text_of(properties.order_id if properties.order_id is not None else properties.transaction_id),
        "currency": properties.currency, "market": text_of(properties.market), "store_id": text_of(properties.store_id),
        "zone_id": text_of(properties.zone_id), "channel": text_of(properties.channel),
        "experiment": text_of(properties.experiment), "variant": text_of(properties.variant),
        "policy": text_of(properties.policy),
    }  # fmt: skip
    if not item_ids:
        shared |= {"recommendation_id": _recommendation_of(properties, reading)}
        return [shared | {"properties": _json(_said(reading))}]
    if reading.items[0] is properties:
        others = _without(reading.raw_items[0], SHARED_FIELDS | PRODUCT_FIELDS | CONTACTS)
        return [shared | _line_of(reading, properties, item_ids[0]) | {"properties": _json(others)}]
    of_event = _without(reading.call.properties or {}, SHARED_FIELDS | CONTACTS)
    return [
        shared
        | _line_of(reading, product, item_id)
        | {"line": line, "properties": _json(of_event | _without(raw, PRODUCT_FIELDS))}
        for line, (product, raw, item_id) in enumerate(zip(reading.items, reading.raw_items, item_ids, strict=True))
    ]


def _line_of(reading: Reading, product: Product, item_id: str) -> EventRow:
    currency = reading.properties.currency
    # What takes an order back and states no quantity means all of it.
    quantity = product.quantity if product.quantity is not None or reading.name in TAKES_BACK else 1.0
    per_line = (quantity or 1.0) if reading.term is not None and reading.term.unit_discount else 1.0
    return {
        "item_id": item_id,
        "quantity": quantity,
        "unit": text_of(product.unit) or "each",
        "price": _minor(product.price, currency, 1.0),
        "discount": _minor(product.discount, currency, per_line),
        "position": product.position if product.position is not None else product.index,
        "recommendation_id": _recommendation_of(product, reading),
    }


def _recommendation_of(product: Product, reading: Reading) -> str | None:
    """That of the item, else of the whole event, else what the context says led to it."""
    attribution = reading.context.attribution
    for stated in (product, reading.properties, attribution):
        if stated is not None and stated.recommendation_id is not None:
            return text_of(stated.recommendation_id)
    return None


def _minor(amount: float | None, currency: str | None, times: float) -> int | None:
    if amount is None:
        return None
    return round(amount * times * 10 ** MINOR_DIGITS.get(currency or "", 2))


def _said(reading: Reading) -> dict[str, Any]:
    """What an event without items says beyond the columns."""
    call = reading.call
    said = _without(call.properties or {}, SHARED_FIELDS | CONTACTS | {"recommendation_id"})
    if call.traits:
        said |= {name: value for name, value in call.traits.items() if not is_personal(name)}
    said |= {} if call.name is None else {"name": call.name}
    return said | ({} if call.groupId is None else {"group_id": text_of(call.groupId)})


def _without(given: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in names}


def _json(values: dict[str, Any]) -> str | None:
    # msgspec, not orjson: what a sender may nest or count beyond 64 bits must not fail here.
    return msgspec.json.encode(values).decode() if values else None


def _to_milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
