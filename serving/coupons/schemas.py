"""Bodies of the routes of coupons, and what they answer with."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Short = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00]*$")]
StoreName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]
Shown = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[\x21-\x7e ]+$")]
LARGEST = 10**12  # minor units


class Body(BaseModel):
    """A field that nobody reads is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LineBody(Body):
    """One line of the basket."""

    item_id: Text
    quantity: Decimal = Field(gt=0, le=999, max_digits=8, decimal_places=4, description="Pieces, or a weight.")
    amount: int = Field(ge=0, le=LARGEST, description="Price of the whole line, in minor units.")


class BasketBody(Body):
    """What is being bought."""

    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    lines: list[LineBody] = Field(min_length=1, max_length=500)
    ref: Short = Field(default="", description="The till's own name of this basket.")


class ShopperBody(Body):
    """Who buys, as far as the till knows; coupons that are bound to a person ask for it."""

    kind: Literal["user_id", "anonymous_id", "loyalty_card"]
    value: Text


class ValidateBody(Body):
    """Coupons and the basket that they are shown for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "coupons": ["MFRGGZDFMZTWQ2LK"],
                    "store_id": "367",
                    "basket": {"currency": "USD", "lines": [{"item_id": "1082185", "quantity": 2, "amount": 498}]},
                }
            ]
        }
    )
    coupons: list[Shown] = Field(min_length=1, max_length=10, description="Codes as typed, or tokens as scanned.")
    store_id: StoreName
    till_id: Short = ""
    basket: BasketBody
    shopper: ShopperBody | None = None


class RedeemNowBody(ValidateBody):
    """Coupons, basket and the order that they belong to."""

    order_id: Text = Field(examples=["T-2026-000123"])


class RedeemBody(Body):
    """The order that a reservation ends in."""

    order_id: Text = Field(examples=["T-2026-000123"])


class RollbackBody(Body):
    """How much of a redemption is taken back."""

    amount: int | None = Field(
        default=None, ge=1, le=LARGEST, description="Minor units; left out: all that remains.", examples=[120]
    )
    reissue: bool = Field(default=False, description="Whether the coupon may be used once more, until it expires.")


class MoneyReply(BaseModel):
    """Minor units of a currency."""

    amount: int
    currency: str


class AllocationReply(BaseModel):
    """What is taken off one line."""

    line: int = Field(description="Position in the basket, from 0.")
    amount: int


class JudgedReply(BaseModel):
    """One coupon for this basket."""

    coupon: str = Field(description="As it was sent.")
    coupon_id: str | None
    campaign_id: str | None
    title: str
    valid: bool
    reason: str | None = Field(description="Why not: a word of a closed list (docs/coupons.md).", examples=["expired"])
    discount: int = Field(description="Minor units.")
    points_multiplier: float | None
    allocations: list[AllocationReply]


class ValidateReply(BaseModel):
    """All coupons for this basket; nothing is kept."""

    valid: bool = Field(description="Whether all of them can be reserved together.")
    coupons: list[JudgedReply]
    discount: MoneyReply


class ReservationReply(BaseModel):
    """Coupons that nobody else can use until the deadline."""

    reservation_id: str = Field(examples=["rsv_0123456789abcdef0123"])
    deadline: str = Field(examples=["2026-11-01T12:15:00+00:00"])
    coupons: list[JudgedReply]
    discount: MoneyReply


class RedemptionReply(BaseModel):
    """The use of one coupon."""

    redemption_id: str = Field(examples=["rdm_0123456789abcdef0123"])
    coupon_id: str
    campaign_id: str
    state: Literal["posted", "rolled_back"]
    order_id: str
    store_id: str
    discount: MoneyReply
    rolled_back: int = Field(description="Minor units of the discount that were taken back.")
    allocations: list[AllocationReply]
    redeemed_at: str


class RedeemedReply(BaseModel):
    """What was used."""

    redemptions: list[RedemptionReply]
    discount: MoneyReply


class WalletCouponReply(BaseModel):
    """A coupon that can still be used."""

    coupon_id: str
    code: str = Field(description="For typing.", examples=["MFRGGZDFMZTWQ2LK"])
    token: str = Field(description="For scanning: put it into a QR code as it is.")
    title: str
    state: Literal["issued", "reserved"]
    redeem_at: list[str] = Field(description="Store ids; none: everywhere.")
    max_discount: MoneyReply
    valid_from: str
    valid_until: str


class WalletReply(BaseModel):
    """Coupons of one shopper, the newest first."""

    coupons: list[WalletCouponReply]
