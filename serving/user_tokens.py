"""User tokens: how the shop's server lets a browser or app speak for a signed-in user."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import jwt

from recommender.errors import WrongCredentials

AUDIENCE = "recommender"
LONGEST_TOKEN = timedelta(hours=1)
LEEWAY = timedelta(seconds=30)  # that the clocks of two servers may differ by
LONGEST_ID = 200  # characters of an id in a token
NEW_TOKEN = "Sign a new token with the key's signing secret (docs/keys.md)."  # noqa: S105 - a sentence


def read_token(token: bytes, secrets: Iterable[str], now: datetime) -> dict[str, Any]:
    """The claims of a user token: `sub`, `exp`, and `anonymous_id` if it has one.

    Raises:
        WrongCredentials: it is not signed with one of these secrets (HS256), not for us, too old, or made for too long.
    """
    claims = _verified(token, secrets)
    ends, named = claims["exp"], [claims["sub"], claims.get("anonymous_id", "none")]
    if not isinstance(ends, int | float) or isinstance(ends, bool) or not all(map(_is_id, named)):
        raise WrongCredentials("The user token names no proper sub, exp or anonymous_id.", remedy=NEW_TOKEN)
    left = ends - now.timestamp()
    if not -LEEWAY.total_seconds() < left <= (LONGEST_TOKEN + LEEWAY).total_seconds():
        what = "has ended" if left <= 0 else "holds for longer than an hour"
        raise WrongCredentials(f"The user token {what}.", field="X-User-Token", remedy=NEW_TOKEN)
    return claims | {"exp": ends + LEEWAY.total_seconds()}


def _verified(token: bytes, secrets: Iterable[str]) -> dict[str, Any]:
    required = {"require": ["sub", "exp", "aud"], "verify_exp": False, "verify_iat": False, "verify_nbf": False}
    why: Exception | None = None
    for secret in secrets:
        try:
            return jwt.decode(token, secret, algorithms=["HS256"], audience=AUDIENCE, options=required)  # pyright: ignore[reportArgumentType] - a TypedDict there
        except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
            why = error
            if not isinstance(error, jwt.InvalidSignatureError):
                break
    raise WrongCredentials(f"The user token does not hold: {why}.", field="X-User-Token", remedy=NEW_TOKEN)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID and "\0" not in value and _is_text(value)


def _is_text(value: str) -> bool:
    """Whether it can be written as UTF-8; JSON can name halves of characters."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
