"""Bodies of the campaign routes, as the OpenAPI document shows them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

EXAMPLE: dict[str, Any] = {
    "title": "20% off pasta",
    "currency": "EUR",
    "timezone": "Europe/Vienna",
    "discount": {"kind": "percent", "percent": 20, "max_discount": 150},
    "products": "item.category == 'PASTA'",
    "eligibility": "count(orders within 90 days) >= 2",
    "basket": {"minimum_quantity": 2},
    "budget": {"money": 500_000, "per_day": {"count": 300}},
    "caps": [{"most": 1, "per": "week", "of": "shopper"}, {"most": 2, "per": "day", "of": "device"}],
    "valid_from": "2026-12-01T00:00:00",
    "valid_until": "2026-12-24T18:00:00",
}


class DefinitionBody(BaseModel):
    """A campaign as docs/campaigns.md explains it; what is left out has its default."""

    # What is wrong with a definition is said by the parser that everything reads it with, so all passes through.
    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [EXAMPLE]})

    title: Any = Field(default=None, description="Text that people see.", json_schema_extra={"type": "string"})
    currency: Any = Field(default=None, description="ISO 4217; cannot change once it was active.", examples=["EUR"])
    timezone: Any = Field(default=None, description="IANA name; cannot change either.", examples=["Europe/Vienna"])
    discount: Any = Field(
        default=None,
        description="`kind` percent {percent, max_discount}, amount {amount}, buy_x_get_y {buy, get, percent, "
        "max_discount} or points {multiplier}; money in minor units.",
    )
    valid_from: Any = Field(default=None, description="Local time of the store.", examples=["2026-12-01T00:00:00"])
    valid_until: Any = Field(default=None, description="Not included.", examples=["2026-12-24T18:00:00"])
    products: Any = Field(default=None, description="Rule over `item.`.")
    items: Any = Field(default=None, description="Ids of up to 20,000 items; a product must pass both.")
    eligibility: Any = Field(default=None, description="Rule over `shopper.`, `basket.` and `context.`.")
    stores: Any = Field(default=None, description="Store ids; left out: everywhere.")
    basket: Any = Field(default=None, description="{minimum_amount, minimum_quantity} of its products.")
    budget: Any = Field(default=None, description="{count, money, per_day, per_store}.")
    caps: Any = Field(default=None, description="[{most, per: campaign|day|week|month, of: shopper|device}].")


class CampaignBody(DefinitionBody):
    """A definition with the id that it is to have."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"examples": [{"campaign_id": "pasta-december", **EXAMPLE}]}
    )

    campaign_id: str = Field(description="Up to 100 small letters, digits, _ and -.", examples=["pasta-december"])


class FindingReply(BaseModel):
    """One thing to look at; a campaign with an error cannot be active."""

    code: str = Field(examples=["no_cap"])
    severity: Literal["error", "warning"]
    field: str = Field(examples=["caps"])
    message: str
    remedy: str


class CampaignSummary(BaseModel):
    """A campaign in a list."""

    campaign_id: str
    state: Literal["draft", "active", "paused", "ended"]
    killed: Literal["", "offers", "coupons"] = Field(description="What the kill switch ended, if it was used.")
    version: int
    etag: str = Field(examples=['"17"'])
    title: str
    group: str
    valid_from: str
    valid_until: str
    changed_at: str


class CampaignList(BaseModel):
    """Campaigns by id."""

    campaigns: list[CampaignSummary]
    next_after: str | None = Field(description="What to send as `after` for the next page; null: this was the last.")


class CampaignReply(BaseModel):
    """One campaign, and what is wrong with it."""

    campaign_id: str
    state: Literal["draft", "active", "paused", "ended"]
    killed: Literal["", "offers", "coupons"]
    version: int
    etag: str = Field(description="Also the header ETag; send it as If-Match with the next change.", examples=['"17"'])
    made_at: str
    changed_at: str
    definition: DefinitionBody
    findings: list[FindingReply]


class VersionReply(BaseModel):
    """One version of a campaign."""

    version: int
    made_at: str
    actor: str = Field(description="Who made it, as the audit trail names them.")
    definition: DefinitionBody


class VersionList(BaseModel):
    """All versions, the newest first."""

    campaign_id: str
    versions: list[VersionReply]


class BoundReply(BaseModel):
    """The least of several limits; null: nothing limits it."""

    most: int | None
    field: str | None = Field(description="The field that sets it.", examples=["budget.money"])


class ReachReply(BaseModel):
    """Who would get it, among the shoppers that the artifact knows."""

    known_shoppers: int
    looked_at: int = Field(description="Spread evenly over them.")
    eligible: int
    unknown: int = Field(description="Of whom the rule cannot be judged; they would not get it.")
    eligible_of_all: int = Field(description="Estimated from those looked at.")


class UsedReply(BaseModel):
    """What is held by coupons that are out, and what was redeemed."""

    pending_count: int
    posted_count: int
    pending_money: int
    posted_money: int


class PreviewReply(BaseModel):
    """Who would get it, and what it would cost at most."""

    campaign_id: str
    version: int
    products: int | None = Field(description="Items of the catalogue that it is for; null: no catalogue yet.")
    reach: ReachReply | None = Field(description="Null: no artifact yet.")
    coupons: BoundReply = Field(description="Coupons in all, at most.")
    money: BoundReply = Field(description="Discounts in all, in minor units, at most.")
    money_of_known: BoundReply = Field(description="The same if only shoppers that the artifact knows got it.")
    currency: str
    used: UsedReply
    caveats: list[str] = Field(description="What the figures leave out.")
    findings: list[FindingReply]
