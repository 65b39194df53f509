"""Who an event or a request says it is from: identifiers, how each is written, and how contacts are hashed."""

import hmac
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal
from unicodedata import normalize

from features.settings import Settings
from recommender.ids import AnonymousId, UserId

USER_ID, ANONYMOUS_ID = "user_id", "anonymous_id"
LOYALTY_CARD, EMAIL_HASH, PHONE_HASH = "loyalty_card", "email_hash", "phone_hash"
STRONG_KINDS = (LOYALTY_CARD, EMAIL_HASH, PHONE_HASH)  # beside the user id, these alone may make two profiles one

Identifier = tuple[str, str]  # kind, normalised value
Contact = Literal["email", "phone"]
HASH_OF: dict[Contact, str] = {"email": EMAIL_HASH, "phone": PHONE_HASH}

SECRET_FILE = "identity.secret"  # noqa: S105 - its name
SECRET_BYTES = 32
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
PHONE = re.compile(r"\+[1-9]\d{6,14}")  # E.164


@dataclass(frozen=True, slots=True)
class Presented:
    """What one event or request names: at most one user and one anonymous id.

    Attributes:
        strong: (kind, normalised value) of STRONG_KINDS, without repeats.
    """

    user_id: UserId | None
    anonymous_id: AnonymousId | None
    strong: tuple[Identifier, ...] = ()

    def identifiers(self) -> list[Identifier]:
        """All of them, the user id first and the anonymous id last."""
        found = [] if self.user_id is None else [(USER_ID, str(self.user_id))]
        found += self.strong
        return found if self.anonymous_id is None else [*found, (ANONYMOUS_ID, str(self.anonymous_id))]


@dataclass(frozen=True, slots=True)
class Occasion:
    """The event that presented identifiers: its id, and when it happened."""

    event_id: str
    occurred_at: datetime


def loyalty_card(number: str) -> Identifier | None:
    """A loyalty card by its number; spaces and dashes do not count. None: nothing is left."""
    plain = re.sub(r"[\s-]", "", normalize("NFKC", number)).upper()
    return (LOYALTY_CARD, plain) if plain else None


def hash_contact(kind: Contact, value: str, secret: bytes) -> Identifier | None:
    """An email address or phone number as a keyed hash, so that whoever reads the store cannot try addresses out.

    An address counts in lower case; a number in the form of E.164, with its country ("+49 30 1234" or "0049...").
    None: it is neither, so it identifies nobody.
    """
    plain = _plain(kind, value)
    if plain is None:
        return None
    return HASH_OF[kind], hmac.new(secret, f"{kind}:{plain}".encode(), sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Contacts:
    """How contacts become identifiers: the secret that they are hashed with, and which values name nobody."""

    secret: Callable[[], bytes]
    is_blocked: Callable[[Identifier], bool]

    def identifier(self, kind: Contact, value: str) -> Identifier | None:
        """As it is kept; None: it is no contact, or one that names nobody."""
        plain = _plain(kind, value)
        if plain is None or self.is_blocked((HASH_OF[kind], plain)):
            return None
        return hash_contact(kind, plain, self.secret())


def is_phone(value: str) -> bool:
    """Whether a text is a phone number with its country, and nothing else."""
    return _phone(value) is not None


def read_secret(settings: Settings) -> bytes:
    """The secret of this deployment: the setting, else the one in the data folder, which the first call makes."""
    if settings.secret is not None:
        return settings.secret.encode()
    file = settings.data_dir / SECRET_FILE
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        _make_secret(file)
    return bytes.fromhex(file.read_text())


def _make_secret(file: Path) -> None:
    """Write a new secret; of several threads and processes at once, the first wins."""
    beside = file.with_name(f"{file.name}.{os.urandom(8).hex()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(os.urandom(SECRET_BYTES).hex())
        opened.flush()
        os.fsync(opened.fileno())
    try:
        os.link(beside, file)
    except FileExistsError:
        pass
    finally:
        beside.unlink()


def _plain(kind: Contact, value: str) -> str | None:
    return _email(value) if kind == "email" else _phone(value)


def _email(value: str) -> str | None:
    plain = normalize("NFKC", value).strip().lower()
    return plain if EMAIL.fullmatch(plain) else None


def _phone(value: str) -> str | None:
    plain = re.sub(r"[\s()./-]", "", normalize("NFKC", value))
    plain = re.sub(r"^00", "+", plain)
    return plain if PHONE.fullmatch(plain) else None
