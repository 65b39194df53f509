"""Bodies of the placement routes, as the OpenAPI document shows them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

PlacementName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$")]


class PinBody(BaseModel):
    """An item that stands in one slot, as long as the hard rules allow it."""

    slot: int = Field(description="From 1.")
    item_id: str


class BoostBody(BaseModel):
    """Multiplies the score of some items."""

    when: str = Field(description="A rule over items.", examples=["item.brand == 'PRIVATE'"])
    factor: float = Field(description="Above 1 lifts, below 1 sinks.", examples=[1.2])


class ObjectivesBody(BaseModel):
    """What candidates are ordered for: weights from 0 to 1, not all 0."""

    model_config = ConfigDict(extra="allow")  # for the parser, as below

    purchase: float = Field(default=1.0, description="That the shopper buys the item.")
    click: float = Field(default=0.0, description="That the shopper looks at it or puts it into the cart.")
    margin: float = Field(default=0.0, description="What stays with the shop if the shopper buys it.")


class PlacementBody(BaseModel):
    """Settings of a placement, as in `placements.toml` and docs/placements.md; what is left out has its default."""

    # What is wrong with a definition is said by the parser that also reads the shipped file, so all passes through.
    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "title": "For you",
                    "sources": ["buy_again", "embedding", "trending"],
                    "exclude": ["cart"],
                    "filter": "item.department != 'TOBACCO'",
                    "max_share_per_category": 0.4,
                }
            ]
        },
    )

    title: str = Field(default="", description="Shown above the list.")
    sources: list[str] = Field(default=[], description="Which candidate sources run.")
    ranker: str = Field(default="any", description="`any`, `discovery` or `fused`.")
    objectives: ObjectivesBody = ObjectivesBody()
    filter: str | None = Field(default=None, description="A rule that every item must satisfy.")
    exclude: list[str] = Field(default=[], description="`bought`, `cart`, `viewed`, `context_item`.")
    max_share_per_category: float = Field(default=1.0, description="In (0, 1]; 1: no cap.")
    max_share_popular: float = Field(default=1.0, description="Of what sells best, in (0, 1]; 1: no cap.")
    novelty: float = Field(default=0.0, description="From 0 to 1: how much less an item scores the more it is bought.")
    calibration: float = Field(default=0.0, description="From 0 to 1: how far categories follow what the shopper buys.")
    exploration: float = Field(
        default=0.0, description="From 0 to 1: the chance of each slot to go to a little known item."
    )
    rotation: float = Field(
        default=0.0, description="From 0 to 1: how much less an item scores each day it was passed over."
    )
    pins: list[PinBody] = []
    boosts: list[BoostBody] = []
    limit: int = Field(default=12, description="Items when the request does not say.")
    max_limit: int = Field(default=100, description="Most items that a request may ask for.")


class PlacementReply(BaseModel):
    """One placement as it is in force."""

    placement_id: str
    origin: Literal["shipped", "saved"] = Field(description="Whether it ships, or was saved in place of what ships.")
    definition: PlacementBody


class PlacementList(BaseModel):
    """All placements, by id."""

    placements: list[PlacementReply]
