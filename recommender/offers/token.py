"""Signed coupons: a till can tell offline whether a coupon is genuine, for this store, and for now.

A token is a JWS in compact form, signed with Ed25519 (RFC 7515, RFC 8037). It says nothing of who the shopper is, and
it cannot tell whether the coupon was used already: only the ledger can.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct, ValidationError, convert

from recommender.errors import CouponRefused, InvalidInput
from recommender.offers.refusal import Refusal

ALGORITHM, VERSION = "EdDSA", 1
LONGEST_TOKEN = 1_000  # characters
LONGEST_PAYLOAD = 200  # bytes


class Claims(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a token says; the names are short because a shopper shows it as a picture.

    Attributes:
        v: version of this form.
        c: id of the coupon. g: of its campaign.
        k: kind of discount. d: its value (percent, minor units, multiplier), "2+1" for buy 2 get 1.
        m: most that it takes off, in minor units of currency u.
        nbf, exp: seconds since 1970 from which it holds, and until.
        s: stores where it holds; none: all.
        h: part of the keyed digest of the shopper, where it is bound to one; never an id.
    """

    c: str
    g: str
    k: str
    d: str
    m: int
    u: str
    nbf: int
    exp: int
    s: list[str] = []
    h: str = ""
    v: int = VERSION

    __hash__ = None  # pyright: ignore[reportAssignmentType] - it has a list


@dataclass(frozen=True, slots=True)
class KeySet:
    """What a till verifies with: public keys by id. A revoked one is not among them."""

    keys: Mapping[str, Ed25519PublicKey]


def sign(claims: Claims, kid: str, key: Ed25519PrivateKey) -> str:
    """The token; the same for the same claims and key.

    Raises:
        ValueError: it says more than fits.
    """
    payload = {name: value for name in claims.__struct_fields__ if (value := getattr(claims, name))}
    token = jwt.encode(payload, key, algorithm=ALGORITHM, headers={"kid": kid})
    if len(urlsafe_b64decode(token.split(".")[1] + "==")) > LONGEST_PAYLOAD:
        raise ValueError(f"the claims of {claims.c} take more than {LONGEST_PAYLOAD} bytes")
    return token


def verify(token: str, keys: KeySet, now: datetime, store_id: str | None) -> Claims:
    """Read a token that holds now in a store; without a store, only one that holds in all.

    Raises:
        CouponRefused: it is not exactly what a key of the set signed; or too early, too late, or for elsewhere.
    """
    claims = _read(token, keys)
    moment = now.timestamp()
    if moment < claims.nbf:
        raise CouponRefused(Refusal.NOT_STARTED, claims.c)
    if moment >= claims.exp:
        raise CouponRefused(Refusal.EXPIRED, claims.c)
    if claims.s and store_id not in claims.s:
        raise CouponRefused(Refusal.WRONG_STORE, claims.c)
    return claims


def read_key_set(document: object) -> KeySet:
    """The keys of a JSON document as /.well-known/coupon-keys gives it; raises InvalidInput."""
    try:
        listed: list[dict[str, str]] = document["keys"]  # pyright: ignore[reportIndexIssue, reportUnknownVariableType]
        return KeySet({one["kid"]: Ed25519PublicKey.from_public_bytes(_decode(one["x"])) for one in listed})
    except (KeyError, TypeError, ValueError):
        raise InvalidInput(
            "This is no set of coupon keys.", field="keys", remedy="Fetch it from /.well-known/coupon-keys."
        ) from None


def public_document(keys: Mapping[str, str], revoked: list[str], now: datetime) -> dict[str, Any]:
    """The key set as JSON (RFC 7517): public keys (base64url) by id, and ids of those revoked."""
    return {
        "keys": [
            {"kty": "OKP", "crv": "Ed25519", "alg": ALGORITHM, "use": "sig", "kid": kid, "x": public}
            for kid, public in keys.items()
        ],
        "revoked": revoked,
        "as_of": now.astimezone(UTC).isoformat(timespec="seconds"),
    }


def public_text(key: Ed25519PublicKey) -> str:
    """A public key as base64url."""
    return urlsafe_b64encode(key.public_bytes_raw()).rstrip(b"=").decode()


def _read(token: str, keys: KeySet) -> Claims:
    invalid = CouponRefused(Refusal.TOKEN_INVALID)
    parts = token.split(".")
    # A decoder may pass over bits at the end of a part and characters that are none of its alphabet: we do not.
    if len(token) > LONGEST_TOKEN or len(parts) != 3 or not all(map(_is_canonical, parts)):
        raise invalid
    try:
        key = keys.keys[jwt.get_unverified_header(token)["kid"]]
        options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
        payload = jwt.decode(token, key, algorithms=[ALGORITHM], options=options)  # pyright: ignore[reportArgumentType] - a TypedDict there
        claims = convert(payload, Claims)
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, ValidationError):
        raise invalid from None
    if claims.v != VERSION:
        raise invalid
    return claims


def _decode(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _is_canonical(part: str) -> bool:
    try:
        return urlsafe_b64encode(_decode(part)).rstrip(b"=") == part.encode()
    except ValueError:
        return False
