"""Bodies of the ingestion routes, as the libraries of Segment and Google Analytics send them, and the answers.

The bodies are msgspec structs, which cost a twentieth of pydantic's models: a batch has up to 2,500 events.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct
from pydantic import BaseModel, Field

EVENT_BYTES = 32 * 1024  # as Segment's libraries count
BATCH_BYTES = 500 * 1024
BATCH_EVENTS = 2_500

PRINTABLE = r"^[^\x00-\x1f\x7f]*\Z"
_INT64 = 2**63 - 1

Number = Annotated[int, Meta(ge=-_INT64, le=_INT64)]  # stands in for an id
Id = Annotated[str, Meta(min_length=1, max_length=200, pattern=PRINTABLE)] | Number
MessageId = Annotated[str, Meta(min_length=1, max_length=100, pattern=PRINTABLE)] | Number
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
Amount = Annotated[float, Meta(ge=0, le=1e12, description="In major units, such as 1.29.")]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z", description="ISO 4217.")]
Position = Annotated[int, Meta(ge=0, le=1_000_000)]
Kind = Literal["track", "identify", "page", "screen", "group", "alias"]


class Product(Struct, frozen=True):
    """An item of an event, named by `product_id`, `sku` or GA4's `item_id`; the catalogue decides which it knows."""

    product_id: Id | None = None
    sku: Id | None = None
    item_id: Id | None = None
    quantity: Annotated[float, Meta(gt=0, le=1e6)] | None = None
    unit: Annotated[Id | None, Meta(description='"each", "kg", "l"; absent: each.')] = None
    price: Annotated[Amount | None, Meta(description="Of one unit, before the discount.")] = None
    discount: Annotated[Amount | None, Meta(description="Off the whole line; in GA4's events off one unit.")] = None
    position: Position | None = None
    index: Annotated[Position | None, Meta(description="GA4's name for the position.")] = None
    recommendation_id: Annotated[Id | None, Meta(description="Of the answer that showed the item.")] = None


class Properties(Product, frozen=True):
    """What an event of a known name is about: one item, or several; GA4's names are read too."""

    products: list[Product] = []
    items: Annotated[list[Product], Meta(description="GA4's name for `products`.")] = []
    order_id: Id | None = None
    transaction_id: Annotated[Id | None, Meta(description="GA4's name for `order_id`.")] = None
    currency: Currency | None = None
    store_id: Id | None = None
    zone_id: Id | None = None
    market: Id | None = None
    channel: Annotated[Id | None, Meta(description='"web", "app", "store", "email", "call_centre".')] = None
    experiment: Id | None = None
    variant: Id | None = None
    policy: Id | None = None


class Consent(Struct, frozen=True):
    """The consent in force when the event happened."""

    categoryPreferences: Annotated[dict[str, bool], Meta(description="By purpose.")] = {}  # noqa: N815 - Segment's name


class Attribution(Struct, frozen=True):
    """What led to the event."""

    recommendation_id: Id | None = None


class ExternalId(Struct, frozen=True):
    """Another identifier of the person: `type` "loyalty_card", "email", "phone", or one of the shop's own."""

    id: Id
    type: Name = "other"


class Context(Struct, frozen=True):
    """What surrounds an event; what is not named here is not kept."""

    consent: Consent | None = None
    attribution: Attribution | None = None
    sessionId: Id | None = None  # noqa: N815 - Segment's spelling, as all that follow
    externalIds: list[ExternalId] | None = None  # noqa: N815
    traits: dict[str, Any] | None = None


class Keyed(Struct, frozen=True):
    """What carries its key in the body, as the libraries for browsers do."""

    writeKey: str | None = None  # noqa: N815 - Segment's spelling


class Call(Struct, frozen=True):
    """One event. `userId` or `anonymousId` is needed; `track` needs `event`."""

    type: Annotated[Kind | None, Meta(description="Absent: `track`.")] = None
    event: Name | None = None
    name: Name | None = None
    userId: Id | None = None  # noqa: N815
    anonymousId: Id | None = None  # noqa: N815
    previousId: Annotated[Id | None, Meta(description="Of `alias`: the anonymous id until now.")] = None  # noqa: N815
    groupId: Id | None = None  # noqa: N815
    messageId: Annotated[MessageId | None, Meta(description="Absent: the service makes one.")] = None  # noqa: N815
    timestamp: Annotated[datetime | None, Meta(description="When it happened, by the sender's clock.")] = None
    sentAt: Annotated[datetime | None, Meta(description="When it was sent, by the same clock.")] = None  # noqa: N815
    context: Context | None = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None


class Batch(Keyed, frozen=True, kw_only=True):
    """Many events; each is judged by itself."""

    batch: Annotated[list[Raw], Meta(min_length=1, max_length=BATCH_EVENTS)]
    sentAt: datetime | None = None  # noqa: N815
    context: Annotated[Context | None, Meta(description="Of the events that have none of their own.")] = None


class EventReply(BaseModel):
    """What became of one event."""

    message_id: str | None
    status: Literal["accepted", "duplicate", "rejected"]
    field: str | None = Field(default=None, description="What is wrong with a rejected event, as it is spelled in it.")
    reason: str | None = Field(default=None, description="Why it was rejected.")
    note: str | None = Field(default=None, description="What an accepted event is not used for, and why.")


class BatchReply(BaseModel):
    """What became of a batch; `events` are in its order."""

    success: Literal[True] = True
    accepted: int
    duplicate: int
    rejected: int
    events: list[EventReply]
