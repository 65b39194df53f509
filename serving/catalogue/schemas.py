"""Bodies of the catalogue routes, as the OpenAPI document shows them."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from features.sql.catalogue_store import UNNUMBERED
from features.sql.stock_store import StockLine
from recommender.catalogue import CatalogueItem
from recommender.ids import GroupId, ItemId, StoreId
from serving.clock import day_of

NO_NUL = r"^[^\x00]*$"  # PostgreSQL stores no NUL
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ItemName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_NUL)]
StoreName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=NO_NUL)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_NUL)]
Address = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=NO_NUL)]
Quantity = Annotated[int, Field(strict=True, ge=0, le=10**12)]


class Strict(BaseModel):
    """A body that refuses fields that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Money(Strict):
    """An amount in minor units (cents) with its currency."""

    amount: int = Field(strict=True, ge=0, le=10**14, examples=[199])
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = Field(examples=["USD"])


class ItemBody(Strict):
    """All facts of one item; what is left out is not known, or has its default."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=NO_NUL)] = Field(
        examples=["Whole milk, 1 gallon"]
    )
    price: Money | None = Field(default=None, description="An item without a price is never shown.")
    group_id: ItemName | None = Field(
        default=None, description="The product that this is a variant of; default: the item itself."
    )
    department: Word | None = Field(default=None, examples=["GROCERY"])
    category: Word | None = Field(default=None, examples=["FLUID MILK PRODUCTS"])
    type: Word | None = Field(default=None, examples=["FLUID MILK WHITE ONLY"])
    brand: Word | None = Field(default=None, examples=["National"])
    manufacturer: Word | None = Field(default=None, examples=["69"])
    size: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=NO_NUL)] | None = Field(
        default=None, examples=["1 GA"]
    )
    url: Address | None = None
    image_url: Address | None = None
    stock: Quantity | None = Field(default=None, description="Units in the whole chain; null: not tracked.")
    hidden: bool = Field(default=False, strict=True, description="A hidden item is shown in no list, from now on.")
    min_age: int = Field(default=0, strict=True, ge=0, le=150, description="Years; shown only to who is known to be.")
    margin: Annotated[float, Field(strict=True, ge=-1, le=1, allow_inf_nan=False)] | None = Field(
        default=None,
        description="Share of the price that stays with the shop; null: not stated. No list shows it: placements may "
        "weigh it (docs/placements.md).",
        examples=[0.35],
    )
    added_at: AwareDatetime | None = Field(
        default=None, description="Since when the shop sells it; default: as it was, or now for a new item."
    )

    def item(self, item_id: ItemId, added_day: float, currency: str) -> CatalogueItem:
        """The item; `added_day` and `currency` for a body that states no time and no price."""
        stated = self.model_dump(exclude={"price", "group_id", "added_at"})
        return CatalogueItem(
            **stated,
            item_id=item_id,
            item_number=UNNUMBERED,
            group_id=GroupId(self.group_id or item_id),
            price=None if self.price is None else self.price.amount,
            currency=currency if self.price is None else self.price.currency,
            added_day=added_day if self.added_at is None else day_of(self.added_at),
        )


class ItemReply(ItemBody):
    """One item as the catalogue has it."""

    item_id: str
    item_number: int = Field(description="Permanent; also after the item was deleted and stated again.")


def item_reply(item: CatalogueItem) -> dict[str, object]:
    """The reply for one item, ready for orjson."""
    names = ("item_id", "item_number", "title", "group_id", "department", "category", "type", "brand", "manufacturer")
    more = ("size", "url", "image_url", "stock", "hidden", "min_age", "margin")
    return {
        **{name: getattr(item, name) for name in (*names, *more)},
        "price": None if item.price is None else {"amount": item.price, "currency": item.currency},
        "added_at": EPOCH + timedelta(seconds=round(item.added_day * 86_400)),
    }


class StockLineBody(Strict):
    """Stock of one item, in one store or in the whole chain."""

    item_id: ItemName = Field(examples=["1029743"])
    store_id: StoreName | None = Field(default=None, description="Left out: the whole chain.", examples=["367"])
    quantity: Quantity | None = Field(
        description="Units; 0: sold out; null: not tracked (chain), or the chain's stock holds (store)."
    )

    def line(self) -> StockLine:
        """The same for the store."""
        store_id = None if self.store_id is None else StoreId(self.store_id)
        return StockLine(item_id=ItemId(self.item_id), store_id=store_id, quantity=self.quantity)


class StockBody(Strict):
    """Several lines of stock: all of them hold afterwards, or none."""

    lines: list[StockLineBody] = Field(min_length=1, max_length=1000)


class StockReply(BaseModel):
    """What was changed."""

    lines: int = Field(description="How many lines hold now.")
    change_number: int
