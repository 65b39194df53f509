"""What a coupon promises: the discount, on what, and on which conditions; parsed from a campaign's JSON."""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct, ValidationError, convert

from recommender.errors import InvalidInput

Money = Annotated[int, Meta(ge=0, le=10**12)]  # minor units
Share = Annotated[float, Meta(gt=0, le=100)]  # percent
Pieces = Annotated[int, Meta(ge=1, le=1000)]
ItemName = Annotated[str, Meta(min_length=1, max_length=200)]
Items = Annotated[frozenset[ItemName], Meta(min_length=1, max_length=20_000)]


class Percent(Struct, frozen=True, tag="percent", tag_field="kind", forbid_unknown_fields=True):
    """A share of the price, never more than `max_discount` minor units."""

    percent: Share
    max_discount: Money


class Amount(Struct, frozen=True, tag="amount", tag_field="kind", forbid_unknown_fields=True):
    """A fixed sum, in minor units."""

    amount: Money

    @property
    def max_discount(self) -> int:
        """The same, as of the other kinds."""
        return self.amount


class BuyXGetY(Struct, frozen=True, tag="buy_x_get_y", tag_field="kind", forbid_unknown_fields=True):
    """Of each `buy` + `get` pieces, the `get` cheapest are `percent` cheaper; at most `max_discount` in all."""

    buy: Pieces
    get: Pieces
    max_discount: Money
    percent: Share = 100.0


class Points(Struct, frozen=True, tag="points", tag_field="kind", forbid_unknown_fields=True):
    """Loyalty points times `multiplier`; the price stays."""

    multiplier: Annotated[float, Meta(gt=1, le=100)]

    @property
    def max_discount(self) -> int:
        """Nothing is taken off the price."""
        return 0


Discount = Percent | Amount | BuyXGetY | Points


class BasketCondition(Struct, frozen=True, forbid_unknown_fields=True):
    """What the matching lines must come to, before any discount."""

    minimum_amount: Money = 0  # minor units
    minimum_quantity: Annotated[float, Meta(ge=0)] = 0


class Stacking(Struct, frozen=True, rename={"class_": "class"}, forbid_unknown_fields=True):
    """Of one class (if it has a name) one coupon counts in a basket; an exclusive one stands alone."""

    class_: str = ""
    exclusive: bool = False


class Terms(Struct, frozen=True):
    """The terms of one version of a campaign; other fields of its definition do not concern a till.

    Attributes:
        products: a rule over `item.`; None: it leaves out nothing.
        items: ids of the items that it is for; None: it leaves out nothing. A product must pass both.
        priority: the smaller comes first.
    """

    discount: Discount
    products: str | None = None
    items: Items | None = None
    basket: BasketCondition = BasketCondition()
    stacking: Stacking = Stacking()
    priority: int = 0
    title: str = ""


def parse_terms(definition: Mapping[str, Any]) -> Terms:
    """Read the terms out of a campaign's definition; raises InvalidInput that names the field."""
    try:
        return convert(definition, Terms)
    except ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        raise InvalidInput(
            what, field=where.strip("`.") or "discount", remedy="docs/coupons.md says what a coupon can promise."
        ) from None
