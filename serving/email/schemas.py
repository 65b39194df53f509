"""Bodies of the routes of emails, and what they answer with, as the OpenAPI document shows them."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from recommender.email.blocks import (
    DEFAULT_BUDGET,
    LARGEST_BUDGET,
    MOST_COLUMNS,
    MOST_ITEMS,
    SMALLEST_BUDGET,
    BlockSpec,
    Images,
    ThemeName,
    Words,
)
from recommender.ids import PlacementId, StoreId, UserId
from serving.email.orders import BlockOrder, OfferOrder, Recipient, SendOrder

MOST_RECIPIENTS, MOST_BLOCKS, MOST_SENDS_BACK = 1_000, 10, 10

Id = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


class Body(BaseModel):
    """Types are taken as they are: a number in quotes is refused, and so is a field that nobody reads."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class MailWords(Body):
    """What is ours to say in a block, in the language of the mail."""

    view: str = Field(default=Words().view, min_length=1, max_length=30, description="The link of an item.")
    before: str = Field(
        default=Words().before, min_length=1, max_length=30, description="Stands before an older price."
    )
    redeem: str = Field(default=Words().redeem, min_length=1, max_length=30, description="The link of an offer.")


class Offer(Body):
    """An offer in a block: whoever presses the button behind its link gets a coupon, while there are any."""

    campaign_id: Id = Field(examples=["spring"], description="Of a campaign with a code for each coupon.")
    title: str | None = Field(default=None, max_length=200, description="Absent: that of the campaign.")
    terms: str | None = Field(default=None, max_length=500, description="In small letters below it.")
    days: int = Field(
        default=14, ge=1, le=90,
        description="How long a coupon is valid from then on, unless the campaign ends before.",
    )  # fmt: skip


class Block(Body):
    """One block of every message."""

    block_id: Name = Field(examples=["top"])
    placement: Id = Field(examples=["home"], description="Asked first.")
    fallback: list[Id] = Field(
        default=[], max_length=5, examples=[["trending"]],
        description="Placements asked in turn while those before have too few items of their own.",
    )  # fmt: skip
    category: Id | None = Field(default=None, description="What `context.category` is in rules.")
    filter: str | None = Field(default=None, max_length=4000, description="A rule that every item must satisfy.")
    theme: ThemeName = "cards"
    columns: int = Field(default=2, ge=1, le=MOST_COLUMNS)
    count: int = Field(default=4, ge=1, le=MOST_ITEMS, description="Items wanted.")
    min_items: int = Field(default=1, ge=1, le=MOST_ITEMS, description="With fewer the block is empty.")
    images: Literal["catalogue", "open_time", "none"] = Field(
        default="catalogue",
        description="`catalogue`: items without a picture are not shown. `open_time`: drawn when the mail is opened.",
    )
    byte_budget: int = Field(default=DEFAULT_BUDGET, ge=SMALLEST_BUDGET, le=LARGEST_BUDGET, description="Of the HTML.")
    accent: str | None = Field(default=None, pattern=r"^#[0-9a-fA-F]{6}$", description="Colour of buttons.")
    heading: str | None = Field(default=None, max_length=500)
    words: MailWords = MailWords()
    offer: Offer | None = Field(default=None, description="An offer beside the items.")

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        if self.min_items > self.count:
            raise ValueError("min_items must not be above count")
        return self

    def order(self, shared: dict[str, Any]) -> BlockOrder:
        """What is ordered; `shared` are settings of the send that shape it too."""
        spec = BlockSpec(
            block_id=self.block_id, columns=self.columns, count=self.count, min_items=self.min_items, theme=self.theme,
            byte_budget=self.byte_budget, images=Images(self.images), accent=self.accent, heading=self.heading,
            words=Words(self.words.view, self.words.before, self.words.redeem),
        )  # fmt: skip
        return BlockOrder(
            spec=spec, placements=tuple(map(PlacementId, dict.fromkeys((self.placement, *self.fallback)))),
            category=self.category, filter=self.filter, asked=self.model_dump() | shared,
            offer=None if self.offer is None else OfferOrder(**self.offer.model_dump()),
        )  # fmt: skip


class To(Body):
    """One recipient."""

    user_id: Id = Field(examples=["household-1"])
    market: Id | None = Field(default=None, description="Whose law counts; absent: that of the store or `default`.")
    store_id: Id | None = Field(default=None, description="The store whose stock and popularity count.")
    age: int | None = Field(default=None, ge=0, le=150, description="In years, vouched for by the caller.")


class BlocksQuery(Body):
    """Blocks for the messages of a send. Ask again, and each is the same to the byte."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "send_id": "spring-week-12",
                    "blocks": [{"block_id": "top", "placement": "home", "images": "open_time"}],
                    "recipients": [{"user_id": "household-1"}, {"user_id": "household-2"}],
                }
            ]
        }
    )
    send_id: Name
    locale: str = Field(default="en", pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35, examples=["de-AT"])
    distinct_sends: int = Field(
        default=2, ge=0, le=MOST_SENDS_BACK,
        description="A product that one of so many sends before showed to the recipient is not shown again.",
    )  # fmt: skip
    blocks: list[Block] = Field(min_length=1, max_length=MOST_BLOCKS, description="The first chooses first.")
    recipients: list[To] = Field(min_length=1, max_length=MOST_RECIPIENTS)

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if len({one.user_id for one in self.recipients}) < len(self.recipients):
            raise ValueError("recipients must not name anybody twice")
        if len({one.block_id for one in self.blocks}) < len(self.blocks):
            raise ValueError("blocks must not name a block_id twice")
        offered = [one.offer.campaign_id for one in self.blocks if one.offer is not None]
        if len(set(offered)) < len(offered):
            raise ValueError("blocks must not offer a campaign twice")
        return self

    def order(self) -> SendOrder:
        """What is ordered."""
        shared = {"locale": self.locale, "distinct_sends": self.distinct_sends}
        return SendOrder(
            send_id=self.send_id, locale=self.locale, distinct_sends=self.distinct_sends,
            blocks=tuple(block.order(shared) for block in self.blocks),
            recipients=tuple(
                Recipient(
                    user_id=UserId(one.user_id), market=one.market, age=one.age,
                    store_id=None if one.store_id is None else StoreId(one.store_id),
                )
                for one in self.recipients
            ),
        )  # fmt: skip


class BlockPart(BaseModel):
    """One decided block."""

    block_id: str
    placement: str = Field(description="That answered.")
    fallback: Literal["none", "contextual", "popular", "catalogue"] = Field(
        description="How far the list had to fall back to be full."
    )
    personalised: bool
    degraded: list[str] = Field(
        description="What was missing: `session` and `consent` (live state), `model` (no artifact answers)."
    )
    as_of: str = Field(description="When it was decided: price and stock are of then.")
    recommendation_id: str
    model_version: str
    empty: bool = Field(description="There are fewer than `min_items`; leave the block out of the mail.")
    heading: str | None
    items: list[dict[str, Any]] = Field(description="What is shown: texts as they are, links as in the HTML.")
    offer: dict[str, Any] | None = Field(description="That is shown: its title, terms and link.")
    no_offer: str | None = Field(
        description="Why this recipient is not shown the offer that was asked for.", examples=["not_eligible"]
    )
    left_out: dict[str, str] = Field(description="Items that were decided on and not shown, and why.")
    html: str = Field(description="A fragment; put the `head` of its theme into the head of the mail.")
    text: str
    html_bytes: int


class MessagePart(BaseModel):
    """What one recipient gets."""

    user_id: str
    status: Literal["ready", "suppressed", "failed"] = Field(
        description="`suppressed`: they may not be written to, or not now, and get nothing. `failed`: ask again."
    )
    reason: str | None = Field(
        default=None, examples=["unasked"],
        description="Why not. By law and consent: `unasked`, `refused`, `suppressed`, `child`. As they wish: `paused`, "
        "`frequency`. As they had too many: `frequency_cap`. Else what went wrong.",
    )  # fmt: skip
    headers: dict[str, str] | None = Field(default=None, description="Of the mail: `List-Unsubscribe` and its POST.")
    blocks: list[BlockPart] | None = None


class BlocksReply(BaseModel):
    """The messages, in the order of the recipients."""

    send_id: str
    heads: dict[str, str] = Field(description="By block, what its theme wants in the head of the mail.")
    recipients: list[MessagePart]
