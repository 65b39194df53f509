"""Keys in SQL: their hashes, and what became of them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, Engine, RowMapping, Select, bindparam, insert, or_, select, update

from features.audit import SYSTEM, Author, Entry
from features.keys import Key, KeyKind, successor_of
from features.sql.audit_store import append_audit
from features.sql.engine import exclusive, reading, writing
from features.sql.tables.keys import keys
from recommender.errors import InvalidInput


class KeyStore:
    """All keys that were ever made; a revoked one stays on record."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, key: Key, *, by: Author = SYSTEM) -> int:
        """Keep a new key. Returns the change number."""
        with writing(self._engine) as write:
            write.connection.execute(insert(keys).values(**_values(key), change_number=write.change_number))
            append_audit(write.connection, Entry(by, "keys.create", "key", key.key_id, {"kind": key.kind}))
            return write.change_number

    def revoke(self, key_id: str, now: datetime, *, by: Author = SYSTEM) -> Key:
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
                raise _no_key(key_id)
            append_audit(write.connection, Entry(by, "keys.revoke", "key", key_id))
            return found[0]

    def rotate(self, key_id: str, now: datetime, overlap: timedelta, *, by: Author = SYSTEM) -> tuple[Key, Key, str]:
        """Make a key in place of another, which ends after `overlap` (or earlier, where it would have).

        The new one lives as long as the old one was made for.

        Returns:
            The old key as it is now, the new one, and the new key itself.

        Raises:
            InvalidInput: there is no such key, it has ended, or another has taken its place already.
        """
        with writing(self._engine) as write:
            found = {key.key_id: key for key in read_keys(write.connection, select(keys))}
            old = found.get(key_id)
            if old is None:
                raise _no_key(key_id)
            if not old.is_live(now):
                remedy = "Make a new one with `recommender keys create`."
                raise InvalidInput(f"{key_id} has ended already", field="key_id", remedy=remedy)
            heir = next((key for key in found.values() if key.replaces == key_id and key.is_live(now)), None)
            if heir is not None:
                remedy = f"Rotate {heir.key_id}, or revoke {key_id} to end it now."
                raise InvalidInput(f"{heir.key_id} has taken the place of {key_id}", field="key_id", remedy=remedy)
            lifetime = None if old.expires_at is None else old.expires_at - old.created_at
            new, text = successor_of(old, now, None if lifetime is None else now + lifetime)
            ends = now + overlap if old.expires_at is None else min(now + overlap, old.expires_at)
            ended = {"expires_at": _text(ends), "change_number": write.change_number}
            write.connection.execute(update(keys).where(keys.c.key_id == key_id).values(**ended))
            write.connection.execute(insert(keys).values(**_values(new), change_number=write.change_number))
            append_audit(write.connection, Entry(by, "keys.rotate", "key", key_id, {"successor": new.key_id}))
            return replace(old, expires_at=ends), new, text

    def note_use(self, used: Mapping[str, datetime]) -> None:
        """Write down when keys were last used, by key id; nothing that anybody follows."""
        later = update(keys).where(keys.c.key_id == bindparam("key")).values(last_used_at=bindparam("at"))
        later = later.where(or_(keys.c.last_used_at.is_(None), keys.c.last_used_at < bindparam("at")))
        with exclusive(self._engine) as connection:
            connection.execute(later, [{"key": key_id, "at": _text(at)} for key_id, at in sorted(used.items())])

    def read_all(self) -> tuple[Key, ...]:
        """Every key, the oldest first."""
        with reading(self._engine) as connection:
            return read_keys(connection, select(keys))


def read_keys(connection: Connection, query: Select[*tuple[Any, ...]]) -> tuple[Key, ...]:
    """The keys that a query over the table finds, the oldest first."""
    return tuple(map(_key, connection.execute(query.order_by(keys.c.created_at, keys.c.key_id)).mappings()))


def _no_key(key_id: str) -> InvalidInput:
    return InvalidInput(f"there is no key {key_id}", field="key_id", remedy="`recommender keys list` shows them.")


def _key(found: RowMapping) -> Key:
    return Key(
        key_id=found["key_id"], kind=cast("KeyKind", found["kind"]), digest=found["digest"], hint=found["hint"],
        label=found["label"], scopes=tuple(found["scopes"]), created_at=datetime.fromisoformat(found["created_at"]),
        expires_at=_moment(found["expires_at"]), revoked_at=_moment(found["revoked_at"]),
        origins=tuple(found["origins"]), apps=tuple(found["apps"]), per_minute=found["per_minute"],
        replaces=found["replaces"], last_used_at=_moment(found["last_used_at"]),
    )  # fmt: skip


def _values(key: Key) -> dict[str, object]:
    return {
        "key_id": key.key_id, "kind": key.kind, "digest": key.digest, "hint": key.hint, "label": key.label,
        "scopes": list(key.scopes), "created_at": _text(key.created_at),
        "expires_at": None if key.expires_at is None else _text(key.expires_at),
        "revoked_at": None if key.revoked_at is None else _text(key.revoked_at),
        "origins": list(key.origins), "apps": list(key.apps), "per_minute": key.per_minute, "replaces": key.replaces,
    }  # fmt: skip


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds")
