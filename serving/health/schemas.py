"""What the health routes answer, for the OpenAPI document."""

from pydantic import BaseModel, Field


class Alive(BaseModel):
    """This worker answers."""

    status: str = Field(examples=["alive"])


class Readiness(BaseModel):
    """Whether recommendations can be answered."""

    ready: bool
    artifact_id: str | None = Field(description="The artifact that answers.")
    reasons: list[str] = Field(description="What is missing.", examples=[["Nothing has been published."]])
    degraded: list[str] = Field(
        description="What is away, so that some calls are refused and others answered less well.",
        examples=[["The database is known to be gone."]],
    )
