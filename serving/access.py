"""Who calls, and what they may: every route declares the scope that it needs, and is guarded by it."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from features.audit import Author
from recommender.errors import NotAllowed
from recommender.ids import AnonymousId, UserId

FREE = "free"  # needs no key
EVENTS_WRITE = "events:write"
RECS_READ = "recs:read"
CATALOGUE_READ, CATALOGUE_WRITE = "catalogue:read", "catalogue:write"
PLACEMENTS_READ, PLACEMENTS_WRITE = "placements:read", "placements:write"
DECISIONS_READ = "decisions:read"
PROFILES_READ, PROFILES_WRITE = "profiles:read", "profiles:write"
CONSENTS_READ, CONSENTS_WRITE = "consents:read", "consents:write"
PRIVACY_READ, PRIVACY_WRITE = "privacy:read", "privacy:write"
WEBHOOKS_READ, WEBHOOKS_WRITE = "webhooks:read", "webhooks:write"
AUDIT_READ = "audit:read"
COUPONS_READ, COUPONS_REDEEM = "coupons:read", "coupons:redeem"
CAMPAIGNS_READ, CAMPAIGNS_WRITE = "campaigns:read", "campaigns:write"
PLACES_READ, PLACES_WRITE = "places:read", "places:write"
OFFERS_REQUEST = "offers:request"
EMAIL_RENDER = "email:render"

ALL_SCOPES = frozenset(
    {EVENTS_WRITE, RECS_READ, CATALOGUE_READ, CATALOGUE_WRITE, PLACEMENTS_READ, PLACEMENTS_WRITE, DECISIONS_READ}
    | {PROFILES_READ, PROFILES_WRITE, CONSENTS_READ, CONSENTS_WRITE, PRIVACY_READ, PRIVACY_WRITE}
    | {WEBHOOKS_READ, WEBHOOKS_WRITE, AUDIT_READ, COUPONS_READ, COUPONS_REDEEM, CAMPAIGNS_READ, CAMPAIGNS_WRITE}
    | {PLACES_READ, PLACES_WRITE, OFFERS_REQUEST, EMAIL_RENDER}
)
CONSENT_SELF, PRIVACY_SELF = "consent:self", "privacy:self"  # shoppers, of themselves; no other key has it
WALLET_SELF = "wallet:self"  # the same
PUBLIC_SCOPES = frozenset(
    {EVENTS_WRITE, RECS_READ, OFFERS_REQUEST, CONSENT_SELF, PRIVACY_SELF, WALLET_SELF}
)  # all that a public key may ever do
STORE_SCOPE = "store:"  # binds a till's key: `store:367`
SCOPE, SELF_SCOPE, KEY_IN_BODY = "x-scope", "x-self-scope", "x-key-in-body"  # where the OpenAPI document has it

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True, slots=True)
class Access:
    """Who calls.

    Attributes:
        trusted: the shop's own machine: what it says about who a shopper is holds.
        subject: the user that a verified user token names.
        anonymous_id: that the same token names.
        scopes: what the key may do.
        actor: the id of the key; "local" where none is needed.
    """

    trusted: bool
    subject: UserId | None = None
    anonymous_id: AnonymousId | None = None
    scopes: frozenset[str] = ALL_SCOPES
    actor: str = "local"

    def vouches_for(self, user_id: UserId | None) -> bool:
        """Whether the caller may say that it is, or acts for, this user."""
        return self.trusted or (user_id is not None and user_id == self.subject)

    @property
    def stores(self) -> frozenset[str] | None:
        """Stores that the key is bound to by scopes like `store:367`; None: it may act in all."""
        bound = frozenset(scope[len(STORE_SCOPE) :] for scope in self.scopes if scope.startswith(STORE_SCOPE))
        return bound or None

    def must_speak_for(self, user_id: str | None, anonymous_id: str | None) -> None:
        """Refuse to answer about somebody else; raises NotAllowed.

        Without a user token a publishable key may ask for an anonymous id, never for a user.
        """
        if self.trusted:
            return
        if user_id is not None and user_id != self.subject:
            raise NotAllowed(
                "This key may ask for a user only with a user token of that user.",
                field="user_id",
                remedy="Send the header X-User-Token with a token for this user (docs/keys.md), or leave user_id out.",
            )
        if self.anonymous_id is not None and anonymous_id not in {None, self.anonymous_id}:
            raise NotAllowed(
                "The user token was made for another anonymous id.",
                field="anonymous_id",
                remedy="Send the anonymous_id of the token, or leave it out.",
            )


TRUSTED = Access(trusted=True)


class ScopedRoute(APIRoute):
    """A route that answers only callers who have the scope that it declares with `needs`."""

    def get_route_handler(self) -> Handler:
        """What answers a request, guarded."""
        return guarded(self, super().get_route_handler())


def author_of(request: Request) -> Author:
    """Who the audit trail names for what a request writes; of a route that needs a key."""
    return Author(request.state.access.actor, request.scope.get("request_id"))


def needs(scope: str, *, or_self: str | None = None, key_in_body: bool = False) -> dict[str, Any]:
    """What a route is declared with, as its `openapi_extra`.

    Args:
        scope: that the key must have.
        or_self: the scope that also opens it, to callers who act for themselves; the route has to ask
            `Access.must_speak_for` then.
        key_in_body: the key may also come as `writeKey`; the route has to ask `request.app.state.gate.admit_key` then.
    """
    if scope == FREE:
        return {SCOPE: FREE, "security": []}
    own = {} if or_self is None else {SELF_SCOPE: or_self}
    return {SCOPE: scope, **own, KEY_IN_BODY: key_in_body, "security": [{"bearer": []}, {"basic": []}]}


def guarded(route: APIRoute, handler: Handler) -> Handler:
    """Let only those through who have the scope of the route; `request.state.access` says who it is.

    Raises:
        TypeError: the route declares no scope.
    """
    declared = route.openapi_extra or {}
    if SCOPE not in declared:
        raise TypeError(f"{route.path}: say who may call it, with openapi_extra=needs(...)")
    need, in_body, own = str(declared[SCOPE]), bool(declared.get(KEY_IN_BODY)), declared.get(SELF_SCOPE)
    if need == FREE:
        return handler

    def admit(request: Request) -> Access:
        try:
            return request.app.state.gate.admit(request.scope, need, or_key_in_body=in_body)
        except NotAllowed:
            if own is None:
                raise
            return request.app.state.gate.admit(request.scope, own)

    async def answer(request: Request) -> Response:
        access = admit(request)
        request.scope.setdefault("state", {})["access"] = access
        return await handler(request)

    return answer
