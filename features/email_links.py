"""The tokens of links in mails: nobody can read them, change them, or use one for another purpose."""

import base64
import binascii
import hmac
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from recommender.errors import LinkEnded, LinkInvalid

KEY_ID = 1  # of the key that seals; tokens of any other open nothing
LONGEST_TOKEN = 998  # characters: no longer one fits into a line of a mail (RFC 5322)
SECONDS_BYTES = 4
REMEDY = "Follow the link as the mail has it, or go to the shop."


class Purpose(StrEnum):
    """What a link is for; each has a key of its own."""

    CLICK = "click"
    IMAGE = "image"
    OFFER = "offer"
    UNSUBSCRIBE = "unsubscribe"


def seal(secret: bytes, purpose: Purpose, content: bytes, ends_at: datetime) -> str:
    """The token of a link (AES-SIV, RFC 5297): the same content gives the same token."""
    plain = int(ends_at.timestamp()).to_bytes(SECONDS_BYTES) + content
    sealed = _cipher(secret, purpose).encrypt(plain, None)
    return base64.urlsafe_b64encode(bytes([KEY_ID]) + sealed).decode().rstrip("=")


def unseal(secret: bytes, purpose: Purpose, token: str, now: datetime) -> bytes:
    """What a token of ours holds.

    Raises:
        LinkInvalid: it is not of our making, changed, or for another purpose. LinkEnded: its time is over.
    """
    sealed = plain = b""
    try:
        sealed = base64.b64decode(token[:LONGEST_TOKEN] + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        if sealed[:1] == bytes([KEY_ID]):
            plain = _cipher(secret, purpose).decrypt(sealed[1:], None)
    except (binascii.Error, InvalidTag, ValueError):
        pass
    # Base64 has several spellings of the same bytes; only the one that we wrote is ours.
    if not plain or base64.urlsafe_b64encode(sealed).decode().rstrip("=") != token:
        raise LinkInvalid("This link is not complete, or not one of ours.", field="token", remedy=REMEDY)
    if datetime.fromtimestamp(int.from_bytes(plain[:SECONDS_BYTES]), UTC) <= now:
        raise LinkEnded("This link has ended.", field="token", remedy=REMEDY)
    return plain[SECONDS_BYTES:]


@lru_cache(16)
def _cipher(secret: bytes, purpose: Purpose) -> AESSIV:
    return AESSIV(hmac.digest(secret, f"email:{KEY_ID}:{purpose}".encode(), "sha512"))
