"""The gate: turns what a request carries (a key, a user token) into who calls."""

import base64
import binascii
import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import jwt
from starlette.types import Scope

from features.keys import Key, digest_of, signing_secret
from recommender.errors import NotAllowed, StoreUnavailable, Unauthenticated
from recommender.ids import AnonymousId, UserId
from serving.access import ALL_SCOPES, PUBLIC_SCOPES, TRUSTED, Access

AUDIENCE = "recommender"
LONGEST_TOKEN = timedelta(hours=1)
LEEWAY = timedelta(seconds=30)  # that the clocks of two servers may differ by
LONGEST_ID = 200  # characters of an id in a token
MOST_SEEN = 10_000  # credentials whose meaning is remembered; then all of them are forgotten
CREATE = "Create one with `recommender keys create`, and send it as `Authorization: Bearer <key>` (docs/keys.md)."
NEW_TOKEN = "Sign a new token with the key's signing secret (docs/keys.md)."  # noqa: S105 - a sentence


@dataclass(frozen=True, slots=True)
class _Known:
    """What credentials stand for, and until when (seconds since 1970)."""

    access: Access
    until: float


class Gate:
    """Knows all keys of this deployment; follows the changes in SQL.

    Args:
        secret: of the deployment, which the signing secrets of user tokens are made from.
        host: that the service listens on. As long as no key was ever made and nobody outside this machine can reach
            the service, it trusts every caller, whatever key they send: so the demo needs none.

    Attributes:
        is_ready: whether it has been told which keys there are.
    """

    def __init__(self, secret: Callable[[], bytes], host: str, clock: Callable[[], datetime]) -> None:
        self._secret, self._clock = secret, clock
        self._is_loopback = is_loopback(host)
        self._keys: dict[str, Key] | None = None  # by digest; None: not read yet
        self._seen: dict[tuple[bytes | None, bytes | None], _Known] = {}

    @property
    def is_ready(self) -> bool:  # noqa: D102 - above
        return self._keys is not None

    def take(self, keys: Iterable[Key]) -> None:
        """Follow what changed; the first call is with all keys."""
        self._keys = (self._keys or {}) | {key.digest: key for key in keys}
        self._seen.clear()

    def admit(self, scope: Scope, need: str, *, or_key_in_body: bool = False) -> Access:
        """Who sent a request that needs a scope.

        `or_key_in_body`: without an Authorization header, let it pass as a caller who may do nothing; the route then
        asks `admit_key` about the key in the body.

        Raises:
            Unauthenticated: no key, or one that does not hold; or a user token that does not.
            NotAllowed: the key has not this scope.
        """
        authorization = token = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
            elif name == b"x-user-token":
                token = value
        if authorization is None and or_key_in_body and self._keys:
            return Access(trusted=False, scopes=frozenset())
        return self._checked(authorization, token, need)

    def admit_key(self, key: str | None, scope: Scope, need: str) -> Access:
        """Who sent a request whose body names the key; raises like `admit`."""
        token = next((value for name, value in scope["headers"] if name == b"x-user-token"), None)
        return self._checked(None if key is None else b"Bearer " + key.encode(), token, need)

    def _checked(self, authorization: bytes | None, token: bytes | None, need: str) -> Access:
        known = self._seen.get((authorization, token))
        if known is None or known.until <= self._clock().timestamp():
            known = self._recognise(authorization, token)
            if len(self._seen) >= MOST_SEEN:
                self._seen.clear()
            self._seen[authorization, token] = known
        if need not in known.access.scopes:
            raise NotAllowed(
                f"This key may not do that: it needs the scope {need}.",
                remedy="Use a secret key, from a server of the shop; never in a browser or an app.",
            )
        return known.access

    def _recognise(self, authorization: bytes | None, token: bytes | None) -> _Known:
        if self._keys is None:
            raise StoreUnavailable("The keys have not been read yet.", remedy="Try again in a moment.")
        if not self._keys and self._is_loopback:
            return _Known(TRUSTED, float("inf"))
        if authorization is None:
            raise Unauthenticated("This request carries no key.", remedy=CREATE)
        key = self._keys.get(digest_of(_key_in(authorization)))
        now = self._clock()
        if key is None or key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
            raise Unauthenticated("This key is not known here, or no longer.", remedy=CREATE)
        until = float("inf") if key.expires_at is None else key.expires_at.timestamp()
        if key.kind != "pk":
            scopes = ALL_SCOPES if key.kind == "sk" else frozenset(key.scopes)
            return _Known(replace(TRUSTED, scopes=scopes), until)
        if token is None:
            return _Known(Access(trusted=False, scopes=PUBLIC_SCOPES), until)
        claims = read_token(token, signing_secret(self._secret(), key.key_id), now)
        anonymous = claims.get("anonymous_id")
        access = Access(
            trusted=False, subject=UserId(claims["sub"]), scopes=PUBLIC_SCOPES,
            anonymous_id=None if anonymous is None else AnonymousId(anonymous),
        )  # fmt: skip
        return _Known(access, min(until, claims["exp"]))


def read_token(token: bytes, secret: str, now: datetime) -> dict[str, Any]:
    """The claims of a user token: `sub`, `exp`, and `anonymous_id` if it has one.

    Raises:
        Unauthenticated: it is not signed with this secret (HS256), not for us, too old, or made for too long.
    """
    required = {"require": ["sub", "exp", "aud"], "verify_exp": False, "verify_iat": False, "verify_nbf": False}
    try:
        claims = jwt.decode(token, secret, algorithms=["HS256"], audience=AUDIENCE, options=required)  # pyright: ignore[reportArgumentType] - a TypedDict there
    except (jwt.InvalidTokenError, ValueError) as error:
        raise Unauthenticated(
            f"The user token does not hold: {error}.", field="X-User-Token", remedy=NEW_TOKEN
        ) from None
    ends, named = claims["exp"], [claims["sub"], claims.get("anonymous_id", "none")]
    if not isinstance(ends, int | float) or isinstance(ends, bool) or not all(map(_is_id, named)):
        raise Unauthenticated("The user token names no proper sub, exp or anonymous_id.", remedy=NEW_TOKEN)
    left = ends - now.timestamp()
    if not -LEEWAY.total_seconds() < left <= (LONGEST_TOKEN + LEEWAY).total_seconds():
        what = "has ended" if left <= 0 else "holds for longer than an hour"
        raise Unauthenticated(f"The user token {what}.", field="X-User-Token", remedy=NEW_TOKEN)
    return claims | {"exp": ends + LEEWAY.total_seconds()}


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID and "\0" not in value


def _key_in(authorization: bytes) -> str:
    """The key in an Authorization header: a bearer token, or the user name of Basic with any password."""
    kind, _, given = authorization.partition(b" ")
    if kind.lower() == b"basic":
        try:
            given = base64.b64decode(given.strip(), validate=True).partition(b":")[0]
        except binascii.Error:
            given = b""
    elif kind.lower() != b"bearer":
        given = b""
    return given.strip().decode("utf-8", "surrogateescape")
