"""Keys of callers: what kinds there are, how they are made and kept, and the signing secrets of user tokens."""

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal, TypedDict, Unpack
from urllib.parse import urlsplit

from recommender.errors import InvalidInput

KeyKind = Literal["pk", "rk", "sk"]
KINDS: dict[str, KeyKind] = {"publishable": "pk", "restricted": "rk", "secret": "sk"}
USUAL_PORTS = {"http": 80, "https": 443}
HOST = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}|[0-9a-f:.]{2,45}")
APP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key as it is kept: never the key itself. Times are aware.

    Attributes:
        kind: pk (browser, app: everybody can read it), rk (one machine of the shop), sk (its servers).
        digest: SHA-256 of the key, in hex.
        hint: its first and last characters, for people.
        scopes: what a restricted key may do; of the other kinds, the kind says it.
        origins: of a publishable key: the pages that may use it, as `https://shop.example`.
        apps: the apps that may, as `com.example.shop`; with neither, it is bound to nothing.
        per_minute: requests that it may make on average; None: as its kind may.
        replaces: id of the key that it was made in place of.
        last_used_at: within a minute or so.
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
    origins: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    per_minute: int | None = None
    replaces: str | None = None
    last_used_at: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


class KeyFacts(TypedDict, total=False):
    """What else may be said of a new key; `Key` has the meanings."""

    scopes: tuple[str, ...]
    expires_at: datetime | None
    origins: tuple[str, ...]
    apps: tuple[str, ...]
    per_minute: int | None
    replaces: str | None


def new_key(kind: KeyKind, label: str, now: datetime, **facts: Unpack[KeyFacts]) -> tuple[Key, str]:
    """Make a key.

    Returns how it is kept, and the key itself, which nobody can show again.
    """
    text = f"{kind}_{secrets.token_hex(20)}"
    key = Key(
        key_id=f"key_{secrets.token_hex(6)}", kind=kind, digest=digest_of(text), hint=f"{text[:3]}…{text[-4:]}",
        label=label, created_at=now, **facts,
    )  # fmt: skip
    return key, text


def successor_of(key: Key, now: datetime, expires_at: datetime | None) -> tuple[Key, str]:
    """Make a key that may do what `key` may, to take its place."""
    return new_key(
        key.kind, key.label, now, scopes=key.scopes, origins=key.origins, apps=key.apps, per_minute=key.per_minute,
        expires_at=expires_at, replaces=key.key_id,
    )  # fmt: skip


def parse_origin(text: str) -> str:
    """An origin as browsers send it: scheme, host, and a port that is not the scheme's own.

    Raises:
        InvalidInput: it is none, or has more than that.
    """
    remedy = "Write it as the browser does: https://shop.example, or http://localhost:3000."
    try:
        parts = urlsplit(text.strip())
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except ValueError:  # as UnicodeError is
        raise InvalidInput(f"{text!r} is no origin", field="origin", remedy=remedy) from None
    more = parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in USUAL_PORTS or not HOST.fullmatch(host) or more:
        raise InvalidInput(f"{text!r} is no origin", field="origin", remedy=remedy)
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + ("" if port in {None, USUAL_PORTS[parts.scheme]} else f":{port}")


def parse_app(text: str) -> str:
    """The id of an app; raises InvalidInput."""
    if not APP.fullmatch(text):
        remedy = "Write the id that the store knows it by: com.example.shop."
        raise InvalidInput(f"{text!r} is no id of an app", field="app", remedy=remedy)
    return text


def digest_of(text: str) -> str:
    """What a key is found by. Its 160 random bits need no slow hash."""
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def signing_secret(secret: bytes, key_id: str) -> str:
    """What the shop's server signs user tokens with that are sent beside a publishable key.

    It is made from the deployment's `secret`, so no table holds it.
    """
    return hmac.new(secret, f"user-token:{key_id}".encode(), sha256).hexdigest()
