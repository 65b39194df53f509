"""Bodies of the ingestion routes, as Segment's libraries send them, and what they answer with."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

EVENT_BYTES = 32_000
BATCH_BYTES = 500_000
BATCH_EVENTS = 2_500

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)


def _utc(moment: datetime) -> datetime:
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if not EARLIEST <= aware < LATEST:
        raise ValueError(f"must lie between 2000 and 2099, got {aware:%Y-%m-%d}")
    return aware


Moment = Annotated[datetime, AfterValidator(_utc)]  # RFC 3339; without an offset, UTC
Id = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
MessageId = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
Amount = Annotated[Decimal, Field(ge=0, le=10**12)]


class Lenient(BaseModel):
    """As the SDKs send it: fields that we do not know are kept or ignored, a number may stand in for an id."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)


class Product(Lenient):
    """An item of an event. Amounts are in major units, as Segment's ecommerce spec has them."""

    model_config = ConfigDict(extra="allow", frozen=True, coerce_numbers_to_str=True)

    product_id: Id | None = Field(default=None, description="The item's id; `sku` stands in where it is absent.")
    sku: Id | None = None
    quantity: float = Field(default=1.0, gt=0, le=1_000_000)
    unit: Id | None = Field(default=None, description='"each", "kg", "l"; absent: each.')
    price: Amount | None = Field(default=None, description="Of one unit, before the discount.")
    discount: Amount | None = Field(default=None, description="Off the whole line.")
    position: int | None = Field(default=None, ge=0, le=1_000_000)
    recommendation_id: Id | None = Field(default=None, description="Of the answer that showed the item.")


class Properties(Product):
    """What an event is about: one item, or an order with its products."""

    order_id: Id | None = None
    products: list[Product] = []
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$", description="ISO 4217.")
    store_id: Id | None = None
    zone_id: Id | None = None
    market: Id | None = None
    channel: Id | None = Field(default=None, description='"web", "app", "store", "email", "call_centre".')


class Consent(Lenient):
    """The consent in force when the event happened."""

    categoryPreferences: dict[str, bool] = Field(default={}, description="By purpose.")  # noqa: N815 - Segment's name


class Context(Lenient):
    """What surrounds an event."""

    consent: Consent | None = None
    sessionId: Id | None = None  # noqa: N815 - Segment's spelling
    externalIds: list[dict[str, Any]] = []  # noqa: N815


class TrackCall(Lenient):
    """One event."""

    type: Literal["track"] = "track"
    event: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(examples=["Product Viewed"])
    userId: Id | None = Field(default=None, examples=["household-1"])  # noqa: N815
    anonymousId: Id | None = None  # noqa: N815
    messageId: MessageId | None = Field(default=None, description="Absent: the service makes one.")  # noqa: N815
    timestamp: Moment | None = Field(default=None, description="When it happened, by the sender's clock.")
    sentAt: Moment | None = Field(default=None, description="When it was sent, by the same clock.")  # noqa: N815
    context: Context = Context()
    properties: Properties = Properties()


class BatchCall(Lenient):
    """Many events; each is judged by itself."""

    batch: list[dict[str, Any]] = Field(min_length=1, max_length=BATCH_EVENTS)
    sentAt: Moment | None = None  # noqa: N815
    context: dict[str, Any] | None = Field(default=None, description="Of the events that have none of their own.")


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
