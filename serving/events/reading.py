"""Reads one event as it was sent, and says what is wrong with one that does not fit."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

import msgspec
from msgspec import DecodeError, Raw, Struct

from features.events.schema import ORDER_COMPLETED, TAKES_BACK
from features.events.vocabulary import (
    GROUP_JOINED,
    PAGE_VIEWED,
    SCREEN_VIEWED,
    TERM_OF,
    USER_ALIASED,
    USER_IDENTIFIED,
    Term,
)
from serving.events.schemas import EVENT_BYTES, Call, Context, Kind, Product, Properties

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
NAME_OF_CALL = {
    "identify": USER_IDENTIFIED, "page": PAGE_VIEWED, "screen": SCREEN_VIEWED, "group": GROUP_JOINED,
    "alias": USER_ALIASED,
}  # fmt: skip
ORDERS = (ORDER_COMPLETED, *TAKES_BACK)
NO_PROPERTIES = Properties()
NO_CONTEXT = Context()

# Numbers may come as strings, as some shops send prices.
_call = msgspec.json.Decoder(Call, strict=False)
_message_id = msgspec.json.Decoder(type("Named", (Struct,), {"__annotations__": {"messageId": Any}, "messageId": None}))


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that does not fit: which field of it, spelled as it was sent, and why."""

    message_id: str | None
    field: str | None
    reason: str


@dataclass(slots=True)
class Reading:
    """An event that fits.

    Attributes:
        name: canonical, or the sender's own.
        term: what is known of that name; None: nothing.
        items: what it is about, one per line, and beside each the properties of that item as they were sent.
    """

    call: Call
    context: Context
    name: str
    term: Term | None
    properties: Properties
    items: list[Product]
    raw_items: list[dict[str, Any]]
    message_id: str
    timestamp: datetime | None
    sent_at: datetime | None


def read_event(text: bytes | Raw, kind: Kind | None, shared_context: Context | None = None) -> Reading | Rejected:
    """Read one event.

    Args:
        text: its JSON.
        kind: the call of Segment's that it must be; None: the one that it says.
        shared_context: of its batch, for an event that has none.
    """
    if len(text) > EVENT_BYTES:
        return _rejected(text, None, f"larger than {EVENT_BYTES:,} bytes: leave out what is not needed")
    try:
        call = _call.decode(text)
        return _read(call, kind, shared_context)
    except Unfit as unfit:
        return _rejected(text, unfit.field, unfit.reason)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason, _, path = str(error).partition(" - at `$")
        return _rejected(text, path.strip("`.") or None, _plain(reason))


def text_of(value: str | int | None) -> str | None:
    """An id as text; some shops send numbers."""
    return value if value is None or isinstance(value, str) else str(value)


class Unfit(Exception):
    """A field that does not fit."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field, self.reason = field, reason


def _read(call: Call, kind: Kind | None, shared_context: Context | None) -> Reading:
    if kind is not None and call.type not in (None, kind):
        raise Unfit("type", f"this path takes {kind!r}; send others to /v1/batch")
    kind = kind or call.type or "track"
    if call.userId is None and call.anonymousId is None and not (kind == "alias" and call.previousId is not None):
        raise Unfit("userId", "userId or anonymousId is needed")
    name, term = _name_of(call, kind)
    raw = call.properties or {}
    properties = NO_PROPERTIES if term is None or not raw else _properties_of(raw)
    if term is not None:
        _check(term, properties, raw)
    items, raw_items = ([], []) if term is None else _items_of(term, properties, raw)
    return Reading(
        call=call, context=call.context or shared_context or NO_CONTEXT, name=name, term=term, properties=properties,
        items=items, raw_items=raw_items, message_id=text_of(call.messageId) or uuid4().hex,
        timestamp=to_utc("timestamp", call.timestamp), sent_at=to_utc("sentAt", call.sentAt),
    )  # fmt: skip


def _name_of(call: Call, kind: Kind) -> tuple[str, Term | None]:
    if kind == "track":
        if call.event is None:
            raise Unfit("event", "the name of the event is needed, such as 'Product Viewed'")
        term = TERM_OF.get(call.event)
        return (call.event, None) if term is None else (term.name, term)
    if kind == "identify" and call.userId is None and not call.traits:
        raise Unfit("userId", "userId or traits are needed")
    if kind == "alias" and (call.userId is None or call.previousId is None):
        raise Unfit("previousId", "userId and previousId are needed")
    if kind == "group" and call.groupId is None:
        raise Unfit("groupId", "groupId is needed")
    return NAME_OF_CALL[kind], TERM_OF[NAME_OF_CALL[kind]]


def _properties_of(raw: dict[str, Any]) -> Properties:
    try:
        return msgspec.convert(raw, Properties, strict=False)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        raise Unfit("properties" + path.rstrip("`"), _plain(reason)) from None


def _check(term: Term, properties: Properties, raw: dict[str, Any]) -> None:
    for needed in term.needs:
        if needed == "order_id":
            stated = properties.order_id is not None or properties.transaction_id is not None
        elif needed == "query":
            stated = bool(raw.get("query") or raw.get("search_term"))
        elif needed == "recommendation_id":
            products = properties.products or properties.items
            stated = any(one.recommendation_id is not None for one in (properties, *products))
        else:
            stated = raw.get(needed) not in (None, "")
        if not stated:
            raise Unfit(f"properties.{needed}", f"{term.name!r} needs {needed}")


def _items_of(term: Term, properties: Properties, raw: dict[str, Any]) -> tuple[list[Product], list[dict[str, Any]]]:
    if properties.products or properties.items:
        products = properties.products or properties.items
        listed = cast("list[dict[str, Any]]", raw["products"] if properties.products else raw["items"])
        field = "products" if properties.products else "items"
        for position, product in enumerate(products):
            if not _names_item(product):
                raise Unfit(f"properties.{field}[{position}]", "each item needs a product_id or sku")
        return products, listed
    if term.name not in ORDERS and _names_item(properties):
        return [properties], [raw]
    if term.items == "some":
        if term.name == ORDER_COMPLETED:
            raise Unfit("properties.products", "an order needs at least one product")
        raise Unfit("properties.product_id", "the item needs a product_id or sku")
    return [], []


def _names_item(product: Product) -> bool:
    return product.product_id is not None or product.sku is not None or product.item_id is not None


def to_utc(field: str, moment: datetime | None) -> datetime | None:
    """A moment in UTC; without an offset it is taken to be that already. Raises Unfit outside of 2000 to 2099."""
    if moment is None:
        return None
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if not EARLIEST <= aware < LATEST:
        raise Unfit(field, f"must lie between 2000 and 2099, got {aware:%Y-%m-%d}")
    return aware.astimezone(UTC)


def _plain(reason: str) -> str:
    """A message of the decoder's, in words that do not need Python."""
    if "regex '^[A-Z]{3}" in reason:
        return "expected three capitals, such as EUR"
    if "regex" in reason:
        return "contains a control character, such as NUL or a line break: leave it out"
    if "RFC3339" in reason:
        return "expected a time such as 2026-11-21T09:30:00Z"
    if "codec can't decode" in reason:
        return "is not UTF-8"
    if reason.startswith("Invalid enum value"):
        return "is none of the values that docs/events.md names"  # not which: it may be anything, a contact too
    if reason.startswith("maximum recursion"):
        return "nested too deeply"
    return reason.replace("`", "").replace("Expected", "expected")


def _rejected(text: bytes | Raw, field: str | None, reason: str) -> Rejected:
    try:
        named = getattr(_message_id.decode(text), "messageId", None)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        named = None
    message_id = str(named) if isinstance(named, (str, int)) else None
    return Rejected(message_id, field, reason)
