"""One event as it is sent becomes rows of the log."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic_core import to_json

from features.definitions import ACCEPTED_LEAD
from features.events.schema import ITEM_EVENTS, ORDER_CANCELLED, ORDER_COMPLETED, ORDER_REFUNDED
from features.events.stream import EventRow
from recommender.errors import InvalidInput
from recommender.money import MINOR_DIGITS
from serving.events.schemas import Product, TrackCall

WITH_PRODUCTS = (ORDER_COMPLETED, ORDER_REFUNDED, ORDER_CANCELLED)
TAKES_BACK = (ORDER_REFUNDED, ORDER_CANCELLED)


def products_of(call: TrackCall) -> list[Product]:
    """The items that an event is about, in the order of its lines; empty for none.

    Raises:
        InvalidInput: an event of a kind that is about items names none.
    """
    listed = call.properties.products if call.event in WITH_PRODUCTS else [call.properties]
    named = [product for product in listed if product.product_id or product.sku]
    if len(named) < len(listed) and call.event in ITEM_EVENTS:
        field = "properties.products" if call.event in WITH_PRODUCTS else "properties.product_id"
        raise InvalidInput("each item needs a product_id or sku", field=field)
    if call.event == ORDER_COMPLETED and not named:
        raise InvalidInput("an order needs at least one product", field="properties.products")
    if call.event in TAKES_BACK and call.properties.order_id is None:
        raise InvalidInput("names no order", field="properties.order_id")
    return named


def moment_of(call: TrackCall, sent_at: datetime | None, received_at: datetime) -> tuple[datetime, bool]:
    """When an event happened by our clock, to the millisecond, and whether it claimed to lie in the future.

    The sender's clock is set right by the moment of sending: received - (sent - timestamp). What then still lies in
    the future is taken to have happened when it was received.
    """
    happened = call.timestamp or received_at
    if call.timestamp is not None and sent_at is not None:
        happened = received_at - (sent_at - call.timestamp)
    if happened > received_at + ACCEPTED_LEAD:
        return _to_milliseconds(received_at), True
    return _to_milliseconds(happened), False


def rows_of(
    call: TrackCall,
    item_ids: list[str],
    *,
    message_id: str,
    purposes: list[str],
    identified: bool,
    occurred_at: datetime,
    sent_at: datetime | None,
    received_at: datetime,
) -> list[EventRow]:
    """Rows of the log: one per item of `item_ids` (as `products_of` lists them), or one without an item.

    `identified` is False where nothing personal may be kept: then the rows name nobody.
    """
    properties = call.properties
    shared: EventRow = {
        "event_id": message_id, "event": call.event, "order_id": properties.order_id, "currency": properties.currency,
        "market": properties.market, "store_id": properties.store_id, "zone_id": properties.zone_id,
        "channel": properties.channel, "consent": purposes, "synthetic": False, "occurred_at": occurred_at,
        "sent_at": sent_at, "received_at": received_at,
    }  # fmt: skip
    if identified:
        external = call.context.externalIds
        shared |= {
            "user_id": call.userId, "anonymous_id": call.anonymousId, "session_id": call.context.sessionId,
            "identifiers": to_json(external).decode() if external else None,
        }  # fmt: skip
    if not item_ids:
        return [shared | {"line": 0, "properties": _others(properties)}]
    return [
        shared
        | _line_of(product, properties.currency)
        | {"line": line, "item_id": item_id, "properties": _others(properties, product)}
        for line, (product, item_id) in enumerate(zip(products_of(call), item_ids, strict=True))
    ]


def _line_of(product: Product, currency: str | None) -> EventRow:
    return {
        "quantity": product.quantity,
        "unit": product.unit or "each",
        "price": _minor(product.price, currency),
        "discount": _minor(product.discount, currency),
        "position": product.position,
        "recommendation_id": product.recommendation_id,
    }


def _minor(amount: Decimal | None, currency: str | None) -> int | None:
    if amount is None:
        return None
    return round(amount.scaleb(MINOR_DIGITS.get(currency or "", 2)))


def _others(*parts: Product) -> str | None:
    """JSON of the properties that have no column of their own; of two with one name, the later part's."""
    others: dict[str, Any] = {}
    for part in parts:
        others |= part.model_extra or {}
    return to_json(others).decode() if others else None


def _to_milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
