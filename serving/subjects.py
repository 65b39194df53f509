"""How requests name a person: by one identifier, or by the id of a profile."""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from features.identity import EMAIL_HASH, PHONE_HASH, Contacts, Identifier, loyalty_card
from recommender.errors import InvalidInput

PROFILE_PREFIX = "prf_"
KEPT_KINDS = frozenset({"user_id", "anonymous_id", "loyalty_card", EMAIL_HASH, PHONE_HASH})
LARGEST_PROFILE = 2**62

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Kind = Literal["user_id", "anonymous_id", "loyalty_card", "email", "phone", "email_hash", "phone_hash"]
ProfileName = Annotated[
    str,
    Path(
        max_length=250, description="`prf_12`, or one of its identifiers: `user_id:household-1`.", examples=["prf_12"]
    ),
]


class Body(BaseModel):
    """A field that nobody reads is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class IdentifierBody(Body):
    """One identifier; an email address or phone number is kept as a keyed hash only."""

    kind: Kind
    value: Text = Field(examples=["household-1"])

    def identifier(
        self, secret: Callable[[], bytes], field: str, is_blocked: Callable[[Identifier], bool] = lambda _: False
    ) -> Identifier:
        """As it is kept; raises InvalidInput for what is none of its kind, or a contact that is blocked."""
        found: Identifier | None = (self.kind, self.value)
        if self.kind == "loyalty_card":
            found = loyalty_card(self.value)
        elif self.kind in {"email", "phone"}:
            found = Contacts(secret, is_blocked).identifier("email" if self.kind == "email" else "phone", self.value)
        elif self.kind in {EMAIL_HASH, PHONE_HASH}:
            found = (self.kind, self.value.lower())
        if found is None:
            raise InvalidInput(
                f"this is no {self.kind} of somebody's",
                field=field,
                remedy="Send a@b.example, or a number like +493012345, that identity.toml does not block.",
            )
        return found


def person_named(profile_id: str, secret: Callable[[], bytes]) -> int | Identifier:
    """The number of a profile, or an identifier, from what stands in a path; raises InvalidInput if it is neither."""
    number = profile_id.removeprefix(PROFILE_PREFIX)
    if number != profile_id and number.isascii() and number.isdigit() and int(number) < LARGEST_PROFILE:
        return int(number)
    kind, _, value = profile_id.partition(":")
    if kind not in KEPT_KINDS or not 0 < len(value) <= 200 or "\0" in value:
        raise InvalidInput(
            f"{profile_id!r} names no profile", field="profile_id", remedy="Send `prf_12` or `user_id:household-1`."
        )
    return IdentifierBody.model_validate({"kind": kind, "value": value}).identifier(secret, "profile_id")
