"""What a trace shows, for the OpenAPI document."""

from pydantic import BaseModel, Field


class TracedQuery(BaseModel):
    """What was asked."""

    placement: str
    limit: int
    item_id: str | None
    category: str | None
    filter: str | None
    cart: list[str]
    exclude: list[str]
    store_id: str | None
    seed: int = Field(description="What exploration and rotation were seeded with.")
    within_consent: bool = Field(description="Whether anything personal could be used.")


class TracedSource(BaseModel):
    """What one source proposed."""

    count: int
    item_ids: list[str] = Field(description="Best first, shortened.")


class TracedItem(BaseModel):
    """One slot, with what it was scored from."""

    item_id: str
    position: int
    score: float
    source: str
    reason: str
    propensity: float = Field(description="The chance that this slot got this item; 1 where nothing was drawn.")
    objectives: dict[str, float] = Field(
        description="What it is worth by each objective that the placement weighs, the best candidate having 1; empty "
        "where purchase alone counts."
    )
    features: dict[str, float]


class DecisionTrace(BaseModel):
    """How a list came about."""

    recommendation_id: str
    decided_at: str
    model_version: str
    catalogue_version: int
    query: TracedQuery
    personalised: bool
    fallback: str
    degraded: list[str]
    candidates: dict[str, TracedSource]
    removed: dict[str, int] = Field(description="By rule, how many candidates it took out.")
    items: list[TracedItem]
