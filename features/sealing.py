"""Boxes for what the database may hold, but not show: encrypted and signed with the secret of the deployment."""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256

from cryptography.fernet import Fernet

Seal = Callable[[bytes], str]

BEACON_KEYS = "beacon-keys"  # the identity keys of beacons with rotating identifiers


def sealing(secret: Callable[[], bytes], use: str) -> Seal:
    """What seals for one use."""
    return lambda content: box(secret(), use).encrypt(content).decode()


def box(secret: bytes, use: str) -> Fernet:
    """The box of one use; what is of another opens in none."""
    return Fernet(urlsafe_b64encode(hmac.new(secret, use.encode(), sha256).digest()))
