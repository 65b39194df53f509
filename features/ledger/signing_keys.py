"""The keys that sign coupons: made here, kept encrypted, followed by another, revoked."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, insert, select, update

from features.audit import CLI, Author, Entry
from features.ledger.books import LONGEST_COUPON, TILL_GRACE, text_of
from features.sealing import box
from features.sql.audit_store import append_audit
from features.sql.engine import exclusive, reading
from features.sql.prepared import Prepared
from features.sql.tables.ledger import coupon_keys
from recommender.errors import InvalidInput, StoreUnavailable
from recommender.offers.token import public_document, public_text

ROTATION_LOCK = 7_301_194_261  # any number, the same in every process
K = coupon_keys.c
CURRENT = Prepared(select(K.kid, K.sealed).where(K.retired_at.is_(None)).order_by(K.made_at.desc(), K.kid).limit(1))


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key as it is listed; the newest that is not retired signs."""

    kid: str
    made_at: datetime
    retired_at: datetime | None
    ends_at: datetime | None
    revoked_at: datetime | None


class SigningKeys:
    """All keys that ever signed coupons."""

    def __init__(self, engine: Engine, secret: Callable[[], bytes]) -> None:
        self._engine, self._secret = engine, secret
        self._opened: tuple[str, Ed25519PrivateKey] | None = None  # the last that signed, as it is kept and opened

    def signer(self, now: datetime) -> tuple[str, Ed25519PrivateKey]:
        """Id and private key of the one that signs now; the first is made by whoever asks first.

        Raises:
            StoreUnavailable: also if the deployment has another secret than when the key was made.
        """
        with reading(self._engine) as connection:
            return self.signer_in(connection, now)

    def signer_in(self, connection: Connection, now: datetime) -> tuple[str, Ed25519PrivateKey]:
        """The same, as an open connection sees it."""
        return self._open_once(*(_current(connection) or self._first(now)))

    def _first(self, now: datetime) -> tuple[str, str]:
        with exclusive(self._engine, ROTATION_LOCK) as connection:
            return _current(connection) or self._make(connection, now)

    def _open_once(self, kid: str, sealed: str) -> tuple[str, Ed25519PrivateKey]:
        opened = self._opened
        if opened is None or opened[0] != sealed:
            opened = self._opened = sealed, self._open(sealed)
        return kid, opened[1]

    def _open(self, sealed: str) -> Ed25519PrivateKey:
        try:
            return Ed25519PrivateKey.from_private_bytes(self._box().decrypt(sealed.encode()))
        except InvalidToken:
            raise StoreUnavailable(
                "The key that signs coupons was sealed with another secret than this deployment's.",
                remedy="Bring back the secret it was made with; or `recommender coupon keys rotate`.",
            ) from None

    def rotate(self, now: datetime, by: Author = CLI) -> str:
        """Sign with a new key from now on; the old ones verify for as long as a coupon of theirs may live."""
        with exclusive(self._engine, ROTATION_LOCK) as connection:
            ends = text_of(now + LONGEST_COUPON + TILL_GRACE)
            retired = update(coupon_keys).where(K.retired_at.is_(None))
            connection.execute(retired.values(retired_at=text_of(now), ends_at=ends))
            kid, _ = self._make(connection, now)
            append_audit(connection, Entry(by, "coupon_keys.rotate", "coupon_key", kid))
        return kid

    def revoke(self, kid: str, now: datetime, by: Author = CLI) -> None:
        """End a key at once: none of its coupons verifies any more. If it signed, a new one is made.

        Raises:
            InvalidInput: there is no such key.
        """
        with exclusive(self._engine, ROTATION_LOCK) as connection:
            if connection.execute(select(K.kid).where(K.kid == kid)).first() is None:
                raise InvalidInput(
                    f"There is no key {kid}.", field="kid", remedy="`recommender coupon keys list` shows them."
                )
            fresh = update(coupon_keys).where(K.kid == kid, K.revoked_at.is_(None))
            connection.execute(fresh.values(revoked_at=text_of(now), retired_at=text_of(now)))
            if _current(connection) is None:
                self._make(connection, now)
            append_audit(connection, Entry(by, "coupon_keys.revoke", "coupon_key", kid))

    def document(self, now: datetime) -> dict[str, Any]:
        """The public key set of this moment, as JSON."""
        live = (K.revoked_at.is_(None)) & (K.ends_at.is_(None) | (K.ends_at > text_of(now)))
        with reading(self._engine) as connection:
            keys = connection.execute(select(K.kid, K.public).where(live).order_by(K.made_at, K.kid))
            public = {row.kid: row.public for row in keys}
            revoked = connection.execute(select(K.kid).where(K.revoked_at.is_not(None)).order_by(K.kid)).scalars()
            return public_document(public, list(revoked), now)

    def read_all(self) -> list[SigningKey]:
        """Every key, the oldest first."""
        query = select(K.kid, K.made_at, K.retired_at, K.ends_at, K.revoked_at).order_by(K.made_at, K.kid)
        with reading(self._engine) as connection:
            return [
                SigningKey(kid, datetime.fromisoformat(made_at), *map(_moment, ends))
                for kid, made_at, *ends in connection.execute(query)
            ]

    def _make(self, connection: Connection, now: datetime) -> tuple[str, str]:
        key, kid = Ed25519PrivateKey.generate(), f"ck{secrets.token_hex(4)}"
        sealed = self._box().encrypt(key.private_bytes_raw()).decode()
        values = {"kid": kid, "public": public_text(key.public_key()), "sealed": sealed, "made_at": text_of(now)}
        connection.execute(insert(coupon_keys).values(**values))
        return kid, sealed

    def _box(self) -> Fernet:
        return box(self._secret(), "coupon-keys")


def _current(connection: Connection) -> tuple[str, str] | None:
    return next(((kid, sealed) for kid, sealed in CURRENT.rows(connection, {})), None)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
