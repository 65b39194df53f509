"""Keys of callers: what kinds there are, how they are made and kept, and the signing secrets of user tokens."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal

KeyKind = Literal["pk", "rk", "sk"]
KINDS: dict[str, KeyKind] = {"publishable": "pk", "restricted": "rk", "secret": "sk"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key as it is kept: never the key itself. Times are aware.

    Attributes:
        kind: pk (browser, app: everybody can read it), rk (one machine of the shop), sk (its servers).
        digest: SHA-256 of the key, in hex.
        hint: its first and last characters, for people.
        scopes: what a restricted key may do; of the other kinds, the kind says it.
    """

    key_id: str
    kind: KeyKind
    digest: str
    hint: str
    label: str
    scopes: tuple[str, ...] = ()
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


def new_key(
    kind: KeyKind, label: str, now: datetime, *, scopes: tuple[str, ...] = (), expires_at: datetime | None = None
) -> tuple[Key, str]:
    """Make a key; returns how it is kept, and the key itself, which nobody can show again."""
    text = f"{kind}_{secrets.token_hex(20)}"
    key = Key(
        key_id=f"key_{secrets.token_hex(6)}", kind=kind, digest=digest_of(text), hint=f"{text[:3]}…{text[-4:]}",
        label=label, scopes=scopes, created_at=now, expires_at=expires_at,
    )  # fmt: skip
    return key, text


def digest_of(text: str) -> str:
    """What a key is found by. Its 160 random bits need no slow hash."""
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def signing_secret(secret: bytes, key_id: str) -> str:
    """What the shop's server signs user tokens with that are sent beside a publishable key.

    It is made from the deployment's `secret`, so no table holds it.
    """
    return hmac.new(secret, f"user-token:{key_id}".encode(), sha256).hexdigest()
