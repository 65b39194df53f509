"""What offering a coupon is worth to the shop: margin after discount by the chance of it, less what it annoys."""

import tomllib
from importlib import resources
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct, ValidationError, convert
from numpy.typing import NDArray

from recommender.arrays import Floats
from recommender.errors import InvalidInput

Share = Annotated[float, Meta(ge=0, le=1)]


class OfferValues(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of `expected_value`; config/offer_value.toml says what each means.

    Attributes:
        margin_share: of the price, in [0, 1].
        shop_pays: share of the discount, in [0, 1].
        annoyance: minor units, at least 0.
    """

    margin_share: Share
    shop_pays: Share
    annoyance: Annotated[float, Meta(ge=0)]


def parse_values(text: str, source: str) -> OfferValues:
    """Parse TOML; raises InvalidInput that says what is wrong in `source`."""
    try:
        return convert(tomllib.loads(text), OfferValues)
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        remedy = "Compare it with the offer_value.toml that ships with the product."
        raise InvalidInput(f"{source}: {error}", field=source, remedy=remedy) from error


def shipped_values() -> OfferValues:
    """The settings that ship."""
    file = resources.files("recommender").joinpath("config/offer_value.toml")
    return parse_values(file.read_text(encoding="utf-8"), "offer_value.toml")


def expected_value(
    probability: Floats, price: NDArray[np.floating], discount: NDArray[np.floating], values: OfferValues
) -> Floats:
    """Work out what each of n offers is worth; offering nothing is worth 0.

    Args:
        price: (n,) median of the products, minor units; NaN where not known, which makes the value -infinity.
        discount: (n,) the most that the coupon takes off, minor units.

    Returns:
        (n,) float32, minor units.
    """
    won = probability * (values.margin_share * price - values.shop_pays * discount) - values.annoyance
    return np.where(np.isnan(won), -np.inf, won).astype(np.float32)
