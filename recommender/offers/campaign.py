"""A campaign: a budgeted plan of coupons, parsed from its JSON definition, which docs/campaigns.md explains."""

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct, ValidationError, convert

from recommender.errors import InvalidCampaign
from recommender.offers.products import Products
from recommender.offers.terms import BasketCondition, Discount, Items, Money, Stacking
from recommender.rules.compiled import Rule, compile_rule
from recommender.rules.syntax import Fact, leaves, operands

CampaignState = Literal["draft", "active", "paused", "ended"]

CAMPAIGN_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
Count = Annotated[int, Meta(ge=1, le=10**9)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
StoreName = Annotated[str, Meta(min_length=1, max_length=100)]
LocalTime = Annotated[datetime, Meta(tz=False)]

REMEDIES = {
    "discount": "Send kind percent, amount, buy_x_get_y or points with what docs/campaigns.md says it needs.",
    "code": "Send 4 to 20 capital letters, digits and dashes, as SPRING-20.",
    "valid_from": "Send the local time without an offset, as 2026-12-01T00:00:00.",
    "valid_until": "Send the local time without an offset, as 2026-12-24T18:00:00.",
}


class Limit(Struct, frozen=True, forbid_unknown_fields=True):
    """At most so many coupons, and so much money in minor units; None: no limit."""

    count: Count | None = None
    money: Money | None = None


class Budget(Limit, frozen=True, forbid_unknown_fields=True):
    """The same in all; of each day in the campaign's time zone, which is its pace; and of each store."""

    per_day: Limit = Limit()
    per_store: Limit = Limit()


class Cap(Struct, frozen=True, forbid_unknown_fields=True):
    """At most so many coupons of one shopper or device in the whole campaign or in a calendar period."""

    most: Count
    per: Literal["campaign", "day", "week", "month"] = "campaign"
    of: Literal["shopper", "device"] = "shopper"


class Campaign(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of a campaign.

    Attributes:
        note: for those who work with it.
        group: what it belongs to, for people; "" for nothing.
        topic: what it is about, for caps and opt-outs by topic.
        valid_from, valid_until: local time of the store where a coupon is offered; the end is not included.
        timezone: IANA name; of its budgets' days, and of its validity where no store is known.
        products, items: what it is for; see `covered`.
        eligibility: a rule over shopper., basket. and context.; None: everybody.
        stores: where it is offered and redeemed; None: everywhere.
        basket: what the products in the basket must come to at the till.
        coupon_hours: how long an in-aisle coupon is valid.
        codes: unique: a code for each coupon. generic: one for all, never redeemed offline.
        code: the generic one, as it is printed; it is for everybody, so the campaign says nothing of who may use it.
        holdout: share of the shoppers who never get it, so that its effect can be measured, in [0, 1).
        priority: of what a till applies, the smallest comes first.
        sensitive: its products say something about health, beliefs or the like: it is never targeted.
    """

    campaign_id: str
    title: Name
    currency: Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z")]
    timezone: str
    discount: Discount
    valid_from: LocalTime
    valid_until: LocalTime
    version: int = 0
    note: Annotated[str, Meta(max_length=1_000)] = ""
    group: Annotated[str, Meta(max_length=100)] = ""
    topic: Annotated[str, Meta(max_length=100)] = ""
    products: Rule | None = None
    items: Items | None = None
    eligibility: Rule | None = None
    stores: Annotated[frozenset[StoreName], Meta(min_length=1, max_length=10_000)] | None = None
    basket: BasketCondition = BasketCondition()
    budget: Budget = Budget()
    caps: Annotated[tuple[Cap, ...], Meta(max_length=8)] = ()
    coupon_hours: Annotated[float, Meta(gt=0, le=24 * 366)] = 4.0
    stacking: Stacking = Stacking()
    codes: Literal["unique", "generic"] = "unique"
    code: Annotated[str, Meta(pattern=r"\A[A-Z0-9][A-Z0-9-]{2,18}[A-Z0-9]\Z")] | None = None
    offline_allowed: bool = False
    holdout: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    priority: Annotated[int, Meta(ge=-1000, le=1000)] = 0
    sensitive: bool = False

    @property
    def covered(self) -> Products:
        """What it is for."""
        return Products(self.products, self.items)

    @property
    def most_discount(self) -> int:
        """The largest discount of one coupon, in minor units."""
        return self.discount.max_discount

    def is_valid_at(self, now: datetime, timezone: tzinfo | None = None) -> bool:
        """Whether an aware moment lies in the validity, by the clock of a store (None: of the campaign)."""
        return self.starts_at(timezone) <= now < self.ends_at(timezone)

    def starts_at(self, timezone: tzinfo | None = None) -> datetime:
        """The first moment of its validity, aware."""
        return self.valid_from.replace(tzinfo=timezone or ZoneInfo(self.timezone))

    def ends_at(self, timezone: tzinfo | None = None) -> datetime:
        """The moment at which its validity is over, aware."""
        return self.valid_until.replace(tzinfo=timezone or ZoneInfo(self.timezone))


def parse_campaign(campaign_id: str, definition: Mapping[str, Any], version: int = 0) -> Campaign:
    """Read a campaign from its definition.

    Raises:
        InvalidCampaign: a field is unknown, missing, of the wrong type or range, or contradicts another one.
        InvalidRule: a rule cannot be parsed.
    """
    if not CAMPAIGN_ID.fullmatch(campaign_id):
        raise _invalid(
            "this cannot be the id of a campaign", "campaign_id", "Use up to 100 small letters, digits, _ and -."
        )
    for name in ("campaign_id", "version"):
        if name in definition:
            raise _invalid(f"{name} is no part of a definition", name, "Leave it out.")
    rules = {name: _rule(definition[name], name) for name in ("products", "eligibility") if name in definition}
    try:
        campaign = convert({**definition, **rules, "campaign_id": campaign_id, "version": version}, Campaign)
    except ValidationError as error:
        what, field = _read(str(error))
        remedy = REMEDIES.get(field.partition(".")[0], "docs/campaigns.md says what this field takes.")
        raise _invalid(what, field, remedy) from None
    _check(campaign)
    return campaign


def _rule(text: object, field: str) -> Rule | None:
    if text is not None and not isinstance(text, str):
        raise _invalid(f"{field} is no text", field, "Write a rule as a JSON string (docs/rules.md).")
    return None if text is None else compile_rule(text, field=field)


def _read(message: str) -> tuple[str, str]:
    """What is wrong, and the field as callers spell it, from what msgspec says."""
    what, _, where = message.partition(" - at `$")
    what = "unknown word" if what.startswith("Invalid value") else what  # nothing of the caller's comes back
    path = where.rstrip("`").lstrip(".")
    named = re.search(r"field `(\w+)`", what)
    return what, ".".join(part for part in (path, named[1] if named else "") if part)


def _check(campaign: Campaign) -> None:
    if campaign.valid_until <= campaign.valid_from:
        raise _invalid("it ends before it begins", "valid_until", "Send a time after valid_from.")
    try:
        ZoneInfo(campaign.timezone)
    except (ValueError, KeyError, OSError):
        raise _invalid("there is no such time zone", "timezone", "Send one as Europe/Vienna.") from None
    if campaign.codes == "generic" and campaign.offline_allowed:
        message = "nobody can tell offline how often a generic code was used"
        raise _invalid(message, "offline_allowed", "Send codes: unique, or leave offline_allowed out.")
    if campaign.code is not None:
        _check_code(campaign)
    if campaign.products is not None and not campaign.products.items_only:
        message = "the products of a coupon are the same for everybody"
        raise _invalid(message, "products", "Use facts of item. only; say in eligibility who gets it.")
    if campaign.eligibility is not None and _asks_for_item(campaign.eligibility):
        message = "who gets a coupon depends on no single item"
        raise _invalid(message, "eligibility", "Use shopper., basket., context., counts and sums.")


def _check_code(campaign: Campaign) -> None:
    """A till that is shown a code knows neither segments nor devices nor who is held out."""
    contradictions = {
        "codes": campaign.codes != "generic",
        "eligibility": campaign.eligibility is not None,
        "holdout": campaign.holdout > 0,
        "caps": any(cap.of == "device" for cap in campaign.caps),
    }
    for field, is_there in contradictions.items():
        if is_there:
            message = "whoever knows the code may use it: a till cannot tell any more"
            remedy = "Send codes: generic." if field == "codes" else f"Leave out {field}, or the code."
            raise _invalid(message, field, remedy)


def _asks_for_item(rule: Rule) -> bool:
    asked = (operand for leaf in leaves(rule.condition) for operand in operands(leaf))
    return any(isinstance(operand, Fact) and operand.namespace == "item" for operand in asked)


def _invalid(message: str, field: str, remedy: str) -> InvalidCampaign:
    return InvalidCampaign(message, field=field or None, remedy=remedy)
