"""Signed links to the preference centre: whoever has one may see and change the choices of one person."""

import hmac
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken

from features.identity import Identifier
from features.sealing import box
from recommender.errors import NotAllowed

LIFETIME = timedelta(days=30)
LONGEST_LIFETIME = timedelta(days=400)
FORM_LIFETIME = timedelta(hours=2)  # that a page may lie open before it is sent
LONGEST_TOKEN = 1000  # characters
NEW_LINK = "Ask the shop for a new link: each message has one, and so has your account."


def make_link(secret: bytes, subject: Identifier, expires_at: datetime) -> str:
    """The token of a link: encrypted and signed (Fernet), so it tells whoever sees it nothing of the person."""
    return _seal(secret, "link", [*subject, int(expires_at.timestamp())])


def read_link(secret: bytes, token: str, now: datetime) -> Identifier:
    """Whose link it is; raises NotAllowed for one that is not of our making, changed, or past its end."""
    kind, value, ends = _open(secret, "link", token)
    if datetime.fromtimestamp(ends, UTC) <= now:
        raise NotAllowed("This link has ended.", field="t", remedy=NEW_LINK)
    return kind, value


def make_form_token(secret: bytes, link: str, now: datetime) -> str:
    """What a page that we served carries, so that no other page can send its form."""
    return _seal(secret, "form", [_digest(link), int((now + FORM_LIFETIME).timestamp())])


def check_form_token(secret: bytes, link: str, token: str, now: datetime) -> None:
    """Raises NotAllowed unless the form is of a page that we served for this link, not too long ago."""
    remedy = "Open the page again and make your choices anew; nothing was changed."
    try:
        of, ends = _open(secret, "form", token)
    except NotAllowed:
        raise NotAllowed("This form is not of a page of ours.", field="form", remedy=remedy) from None
    if not hmac.compare_digest(of, _digest(link)) or datetime.fromtimestamp(ends, UTC) <= now:
        raise NotAllowed("This page was open for too long.", field="form", remedy=remedy)


def _seal(secret: bytes, use: str, content: list[object]) -> str:
    return _cipher(secret, use).encrypt(orjson.dumps(content)).decode().rstrip("=")


def _open(secret: bytes, use: str, token: str) -> list[Any]:
    try:
        opened = _cipher(secret, use).decrypt(
            (token[:LONGEST_TOKEN] + "=" * (-len(token) % 4)).encode("utf-8", "replace")
        )
    except InvalidToken:
        raise NotAllowed("This link is not complete, or not one of ours.", field="t", remedy=NEW_LINK) from None
    return orjson.loads(opened)


def _cipher(secret: bytes, use: str) -> Fernet:
    return box(secret, f"preferences:{use}")


def _digest(link: str) -> str:
    return sha256(link.encode()).hexdigest()
