"""Bodies of the routes of profiles, and what they answer with."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from features.sql.profile_store import Profile
from serving.subjects import PROFILE_PREFIX, Body, IdentifierBody

MERGE_PREFIX = "mrg_"

Trait = bool | int | float | Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")] | None


class MergeBody(Body):
    """Identifiers that the shop knows to be one person's."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "identifiers": [
                        {"kind": "user_id", "value": "household-1"},
                        {"kind": "loyalty_card", "value": "4711"},
                    ],
                    "reason": "showed the card at the desk",
                }
            ]
        }
    )
    identifiers: list[IdentifierBody] = Field(min_length=2, max_length=20)
    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]


class TraitsBody(Body):
    """What is known of a person; null takes a trait away."""

    traits: dict[Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]*$")], Trait] = Field(
        min_length=1, max_length=100, examples=[{"city": "Graz", "pets": 2}]
    )


class IdentifierReply(BaseModel):
    """One identifier as it is kept."""

    kind: str
    value: str


class MergeReply(BaseModel):
    """A merge that holds; DELETE /v1/profiles/merges/{merge_id} takes it back."""

    merge_id: str = Field(examples=["mrg_3"])
    source: str = Field(description='"event" or "api".')
    event_id: str | None
    reason: str
    made_at: str


class ProfileReply(BaseModel):
    """One person."""

    profile_id: str = Field(examples=["prf_12"])
    identifiers: list[IdentifierReply]
    traits: dict[str, Any]
    merges: list[MergeReply]


class MergedReply(BaseModel):
    """What a merge made."""

    merge_id: str | None = Field(description="null: these links were known already.", examples=["mrg_3"])
    profile: ProfileReply


def profile_reply(profile: Profile) -> dict[str, object]:
    """The JSON of a profile."""
    return {
        "profile_id": f"{PROFILE_PREFIX}{profile.number}",
        "identifiers": [{"kind": kind, "value": value} for kind, value in profile.identifiers],
        "traits": profile.traits,
        "merges": [
            {
                "merge_id": f"{MERGE_PREFIX}{link.merge_number}", "source": link.source, "event_id": link.event_id,
                "reason": link.reason, "made_at": link.made_at,
            }
            for link in profile.merges
        ],
    }  # fmt: skip
