"""Bodies of the routes of offers, and what they answer with."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from recommender.offers.reasons import NoOffer

Id = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Hexadecimal = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Moment = Annotated[AwareDatetime, Field(ge=datetime.fromisoformat("1970-01-01T00:00:00Z"))]
FeedbackKind = Literal["shown", "saved", "dismissed", "less_like_this", "not_shown"]


class Body(BaseModel):
    """Types are taken as they are, and a field that nobody reads is refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class SubjectBody(Body):
    """Who asks. With a user token the user is the token's; a publishable key names nobody else."""

    user_id: Id | None = None
    anonymous_id: Id | None = Field(default=None, description="The app installation.")
    device_id: Id | None = Field(
        default=None, description="The device, as caps by device count; without it, the installation or user stands in."
    )


class Heard(Body):
    """How a beacon was heard: an average over `samples` signals."""

    rssi_avg: float | None = Field(
        default=None, ge=-128, le=127, description="dBm; 0 and 127 mean that the phone could not tell."
    )
    proximity: Literal["immediate", "near", "far", "unknown"] = Field(
        default="unknown", description="What the phone says where it gives no `rssi_avg`."
    )
    samples: int = Field(default=1, ge=1, le=100_000)
    first_seen: Moment | None = None
    last_seen: Moment = Field(description="By the phone's clock; the service's own says how long somebody stayed.")

    @model_validator(mode="after")
    def _in_order(self) -> "Heard":
        if self.first_seen is not None and self.first_seen > self.last_seen:
            raise ValueError("first_seen is after last_seen")
        return self


class IBeaconBody(Heard):
    """An iBeacon."""

    type: Literal["ibeacon"]
    uuid: Hexadecimal = Field(examples=["f7826da6-4fa2-4e98-8024-bc5b71e0893e"])
    major: int = Field(ge=0, le=65_535)
    minor: int = Field(ge=0, le=65_535)


class EddystoneUidBody(Heard):
    """An Eddystone-UID frame."""

    type: Literal["eddystone_uid"]
    namespace: Hexadecimal = Field(examples=["00112233445566778899"])
    instance: Hexadecimal = Field(examples=["0123456789ab"])


class EddystoneEidBody(Heard):
    """An Eddystone-EID frame."""

    type: Literal["eddystone_eid"]
    eid: Hexadecimal = Field(examples=["0123456789abcdef"])


SightingBody = Annotated[IBeaconBody | EddystoneUidBody | EddystoneEidBody, Field(discriminator="type")]


class ConsentBody(Body):
    """What the shopper has agreed to: false is honoured at once, true counts where nothing is on record."""

    personalisation: bool | None = None
    in_store_location: bool | None = None


class ContextBody(Body):
    """What else is known at this moment."""

    cart: list[Id] = Field(default=[], max_length=500, description="Items in the cart.")
    age: int | None = Field(default=None, ge=0, le=150, description="In years, vouched for by the caller.")


class OfferQuery(Body):
    """Ask for offers where a phone is."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "subject": {"anonymous_id": "app-17", "device_id": "phone-17"},
                    "sightings": [
                        {
                            "type": "ibeacon", "uuid": "f7826da6-4fa2-4e98-8024-bc5b71e0893e", "major": 367, "minor": 3,
                            "rssi_avg": -61.5, "samples": 5, "last_seen": "2026-11-22T10:00:00Z",
                        }
                    ],
                }
            ]
        }
    )  # fmt: skip
    subject: SubjectBody
    sightings: list[SightingBody] = Field(min_length=1, max_length=50)
    context: ContextBody = ContextBody()
    consent: ConsentBody = ConsentBody()
    market: Id | None = Field(default=None, description="Whose law counts; absent: that of the store's market.")
    limit: int = Field(default=1, ge=1, le=3, description="How many offers at most.")
    dry_run: bool = Field(default=False, description="Decide as always, but issue, count, keep and log nothing.")


class FeedbackBody(Body):
    """What came of an offer."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"subject": {"anonymous_id": "app-17"}, "kind": "dismissed"}]}
    )
    subject: SubjectBody = SubjectBody()
    kind: FeedbackKind = Field(
        description="`not_shown` gives back what was counted, and voids the coupon: within an hour, and if "
        "nothing else was said before."
    )


class Money(BaseModel):
    """Minor units of a currency."""

    amount: int
    currency: str


class PlaceReply(BaseModel):
    """Where the shopper is."""

    store_id: str
    zone_id: str


class OfferCouponReply(BaseModel):
    """A coupon that is reserved for the shopper until it ends."""

    coupon_id: str
    code: str = Field(description="For typing.", examples=["MFRGGZDFMZTWQ2LK"])
    token: str = Field(description="For scanning: put it into a QR code as it is.")
    redeem_at: list[str] = Field(description="Store ids.")
    max_discount: Money


class OfferReply(BaseModel):
    """One offer."""

    offer_id: str = Field(examples=["off_0123456789abcdef0123"])
    campaign_id: str
    title: str
    valid_from: str
    valid_until: str
    items: list[str] = Field(description="Up to five items of it that this store has; of others, see the campaign.")
    coupon: OfferCouponReply | None = Field(description="Null in a dry run.")
    why: list[str] = Field(
        description="One or two short sentences for people, the strongest reason first.",
        examples=[["You buy this more than others do", "You often use coupons"]],
    )
    actions: list[str] = Field(examples=[["save", "dismiss", "less_like_this"]])


class PolicyReply(BaseModel):
    """What chose."""

    id: str
    version: str


class OfferAnswer(BaseModel):
    """Offers, or why there is none; both are normal answers."""

    decision_id: str = Field(examples=["dec_0123456789abcdef0123"])
    decided_at: str
    outcome: Literal["offer", "no_offer"]
    reason_codes: list[NoOffer] = Field(description="Why there is none; the first decided it.")
    place: PlaceReply | None
    retry_after_s: int | None = Field(description="When to ask again, where it is known; null: when something changes.")
    offers: list[OfferReply]
    policy: PolicyReply


class FeedbackReply(BaseModel):
    """What became of it."""

    offer_id: str
    recorded: bool = Field(description="False: it was known, or came too late to count.")
