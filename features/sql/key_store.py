"""Keys in SQL: their hashes, and what became of them."""

from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Connection, Engine, RowMapping, Select, insert, select, update

from features.keys import Key, KeyKind
from features.sql.engine import reading, writing
from features.sql.tables.keys import keys
from recommender.errors import InvalidInput


class KeyStore:
    """All keys that were ever made; a revoked one stays on record."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, key: Key) -> int:
        """Keep a new key. Returns the change number."""
        with writing(self._engine) as write:
            write.connection.execute(insert(keys).values(**_values(key), change_number=write.change_number))
            return write.change_number

    def revoke(self, key_id: str, now: datetime) -> Key:
        """End a key; revoking it again changes nothing.

        Raises:
            InvalidInput: there is no such key.
        """
        with writing(self._engine) as write:
            this = keys.c.key_id == key_id
            ended = {"revoked_at": _text(now), "change_number": write.change_number}
            write.connection.execute(update(keys).where(this, keys.c.revoked_at.is_(None)).values(**ended))
            found = read_keys(write.connection, select(keys).where(this))
            if not found:
                raise InvalidInput(
                    f"there is no key {key_id}", field="key_id", remedy="`recommender keys list` shows them."
                )
            return found[0]

    def read_all(self) -> tuple[Key, ...]:
        """Every key, the oldest first."""
        with reading(self._engine) as connection:
            return read_keys(connection, select(keys))


def read_keys(connection: Connection, query: Select[*tuple[Any, ...]]) -> tuple[Key, ...]:
    """The keys that a query over the table finds, the oldest first."""
    return tuple(map(_key, connection.execute(query.order_by(keys.c.created_at, keys.c.key_id)).mappings()))


def _key(found: RowMapping) -> Key:
    return Key(
        key_id=found["key_id"], kind=cast("KeyKind", found["kind"]), digest=found["digest"], hint=found["hint"],
        label=found["label"], scopes=tuple(found["scopes"]), created_at=datetime.fromisoformat(found["created_at"]),
        expires_at=_moment(found["expires_at"]), revoked_at=_moment(found["revoked_at"]),
    )  # fmt: skip


def _values(key: Key) -> dict[str, object]:
    return {
        "key_id": key.key_id, "kind": key.kind, "digest": key.digest, "hint": key.hint, "label": key.label,
        "scopes": list(key.scopes), "created_at": _text(key.created_at),
        "expires_at": None if key.expires_at is None else _text(key.expires_at),
        "revoked_at": None if key.revoked_at is None else _text(key.revoked_at),
    }  # fmt: skip


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds")
