"""Bodies of the recommendation routes, and what they answer with, as the OpenAPI document shows them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from recommender.ids import AnonymousId, PlacementId, SessionId, StoreId, UserId
from serving.recommendations.questions import Caller, Question

# PostgreSQL cannot hold a NUL character, so no id has one.
Id = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Ids = Annotated[list[Id], Field(max_length=500)]
Limit = Annotated[
    int | None,
    Field(
        default=None,
        description="How many items, from 1 to the placement's `max_limit`; absent: the placement's `limit`.",
        json_schema_extra={"minimum": 1, "maximum": 1000},
    ),
]
Filter = Annotated[
    str | None,
    Field(
        default=None,
        max_length=4000,
        description="A rule that every item must satisfy, in the rule language.",
        examples=["item.price < 500 and item.department == 'GROCERY'"],
    ),
]


class Body(BaseModel):
    """Types are taken as they are: a number in quotes is refused, and so is a field that nobody reads."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Consent(Body):
    """What the visitor has agreed to: false is honoured at once, true counts where nothing is on record."""

    personalisation: bool | None = None


class Visit(Body):
    """Who asks and from where; every field may be left out."""

    user_id: Id | None = Field(default=None, description="A shopper whom the shop knows.", examples=["household-1"])
    anonymous_id: Id | None = Field(default=None, description="The browser, app installation or device.")
    session_id: Id | None = None
    store_id: Id | None = Field(default=None, description="The store whose stock and popularity count.")
    cart: Ids = Field(default=[], description="Items in the cart; joined with the cart known from events.")
    age: int | None = Field(default=None, ge=0, le=150, description="In years, vouched for by the caller.")
    consent: Consent | None = None
    market: Id | None = Field(default=None, description="Whose law counts; absent: the market `default`.")

    def caller(self, *, privacy_signal: bool) -> Caller:
        """Who asks; `privacy_signal` is whether the request carried `Sec-GPC: 1`."""
        return Caller(
            user_id=None if self.user_id is None else UserId(self.user_id),
            anonymous_id=None if self.anonymous_id is None else AnonymousId(self.anonymous_id),
            session_id=None if self.session_id is None else SessionId(self.session_id),
            said=None if self.consent is None else self.consent.personalisation,
            signal=privacy_signal,
            market=self.market,
            store_id=None if self.store_id is None else StoreId(self.store_id),
            cart=self.cart,
            age=self.age,
        )


class Block(Body):
    """One list of a page."""

    placement: Id = Field(examples=["home"])
    item_id: Id | None = Field(default=None, description="The item in view.")
    category: Id | None = Field(default=None, description="The category in view.")
    filter: Filter
    limit: Limit
    exclude: Ids = Field(default=[], description="Items that must not appear.")

    def question(self, *, explain: bool, within: str = "") -> Question:
        """What this block asks for; `within` is where it stands in the body."""
        return Question(
            placement=PlacementId(self.placement),
            limit=self.limit,
            item_id=self.item_id,
            category=self.category,
            filter=self.filter,
            exclude=self.exclude,
            explain=explain,
            within=within,
        )


class RecommendationQuery(Visit, Block):
    """Ask for the items of one placement."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"placement": "home", "user_id": "household-1", "limit": 5},
                {"placement": "product", "anonymous_id": "a-17", "item_id": "item-995242"},
                {"placement": "cart", "cart": ["item-995242", "item-1029743"], "filter": "item.price <= 1000"},
            ]
        }
    )
    explain: bool = Field(default=False, description="Keep the trace, to be read at `/v1/decisions/{id}`.")


class PageQuery(Visit):
    """Ask for all placements of one page in one call; no item, and no two of one group, comes twice on it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"user_id": "household-1", "blocks": [{"placement": "buy_again", "limit": 6}, {"placement": "home"}]}
            ]
        }
    )
    blocks: list[Block] = Field(
        min_length=1, max_length=20, description="In the order of the page: the first chooses first."
    )
    explain: bool = False

    def questions(self) -> list[Question]:
        """What the blocks ask for."""
        return [
            block.question(explain=self.explain, within=f"blocks[{position}].")
            for position, block in enumerate(self.blocks)
        ]


class BasketQuery(Visit):
    """Ask for what goes with a basket."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"cart": ["item-995242", "item-1029743"], "limit": 4}]})
    cart: list[Id] = Field(min_length=1, max_length=500, description="Items in the basket.")
    filter: Filter
    limit: Limit
    exclude: Ids = Field(default=[], description="Items that must not appear.")

    def question(self, placement: PlacementId) -> Question:
        """What is asked of the placement that answers."""
        return Question(placement=placement, limit=self.limit, filter=self.filter, exclude=self.exclude)


class Money(BaseModel):
    """An amount in minor units (cents) with its currency."""

    amount: int = Field(examples=[199])
    currency: str = Field(examples=["USD"])


class ShownItem(BaseModel):
    """Facts of an item, for showing it."""

    title: str
    price: Money
    group_id: str
    department: str | None
    category: str | None
    type: str | None
    brand: str | None
    size: str | None
    url: str | None
    image_url: str | None
    in_stock: bool


class Recommended(BaseModel):
    """One slot of the list."""

    item_id: str
    position: int = Field(description="From 1.")
    score: float = Field(description="Higher is better; compare within one list only.")
    source: str = Field(description="What proposed the item, `pinned`, or `exploration`.", examples=["buy_again"])
    reason: str = Field(description="A short sentence for people.", examples=["You buy this often"])
    propensity: float | None = Field(
        default=None,
        description="The chance that this slot got this item, given those before it; absent where the placement does"
        " not explore, so that it is 1.",
        examples=[0.005],
    )
    item: ShownItem


class RecommendationReply(BaseModel):
    """One list, best first."""

    recommendation_id: str = Field(description="Send it back with the events that follow from this list.")
    placement: str
    model_version: str = Field(description="Id of the artifact that answered.")
    personalised: bool = Field(description="Whether anything of the shopper went into it.")
    fallback: Literal["none", "contextual", "popular", "catalogue"] = Field(
        description="How far the list had to fall back to be full."
    )
    degraded: list[str] = Field(
        description="What was missing: `session` and `consent` (live state could not be read, so the answer is a"
        " stranger's), `trace` (not kept)."
    )
    items: list[Recommended]


class PageReply(BaseModel):
    """The lists of a page, in the order of the blocks."""

    blocks: list[RecommendationReply]
