"""One item that the shop sells, with all its facts."""

from dataclasses import dataclass

from recommender.ids import GroupId, ItemId, ItemNumber


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """One item that the shop sells, as the back office states it.

    `price` is in minor units, None while unknown; `stock` is chain-wide in units, None when it is not tracked (then it
    counts as in stock); `added_day` is in days since 1970-01-01 UTC; `margin` is the share of the price that stays with
    the shop, in [-1, 1], None where it is not stated.
    """

    item_id: ItemId
    item_number: ItemNumber
    group_id: GroupId
    title: str
    price: int | None
    currency: str
    added_day: float
    hidden: bool = False
    stock: int | None = None
    min_age: int = 0
    department: str | None = None
    category: str | None = None
    type: str | None = None
    brand: str | None = None
    manufacturer: str | None = None
    size: str | None = None
    url: str | None = None
    image_url: str | None = None
    margin: float | None = None
