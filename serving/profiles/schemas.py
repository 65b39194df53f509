"""Bodies of the routes of profiles, and what they answer with."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from features.identity import EMAIL_HASH, PHONE_HASH, Identifier, hash_contact, loyalty_card
from features.sql.profile_store import Profile
from recommender.errors import InvalidInput

PROFILE_PREFIX, MERGE_PREFIX = "prf_", "mrg_"

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Kind = Literal["user_id", "anonymous_id", "loyalty_card", "email", "phone", "email_hash", "phone_hash"]
Trait = bool | int | float | Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")] | None


class Body(BaseModel):
    """A field that nobody reads is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class IdentifierBody(Body):
    """One identifier; an email address or phone number is kept as a keyed hash only."""

    kind: Kind
    value: Text = Field(examples=["household-1"])

    def identifier(self, secret: Callable[[], bytes], field: str) -> Identifier:
        """As it is kept; raises InvalidInput for what is none of its kind."""
        found: Identifier | None = (self.kind, self.value)
        if self.kind == "loyalty_card":
            found = loyalty_card(self.value)
        elif self.kind in {"email", "phone"}:
            found = hash_contact("email" if self.kind == "email" else "phone", self.value, secret())
        elif self.kind in {EMAIL_HASH, PHONE_HASH}:
            found = (self.kind, self.value.lower())
        if found is None:
            raise InvalidInput(
                f"this is no {self.kind}", field=field, remedy="Send a@b.example, or a number like +493012345."
            )
        return found


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
