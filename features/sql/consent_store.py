"""Consents in SQL: append-only; what counts is the newest word of a user on a purpose."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, Select, Subquery, func, insert, select

from features.sql.chunks import chunks_of
from features.sql.engine import reading, writing
from features.sql.tables.consents import consents
from recommender.ids import UserId

PERSONALISATION = "personalisation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a user said about a purpose, when, where, and under which notice. Times are aware."""

    user_id: UserId
    purpose: str
    granted: bool
    source: str
    notice_version: str
    occurred_at: datetime
    received_at: datetime


class ConsentStore:
    """The record of consents."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(self, said: Consent) -> int:
        """Append one; it is on disk when this returns. Returns the change number."""
        return self._append([said])

    def append_once(self, said: Sequence[Consent]) -> None:
        """Append those whose source has not yet said this; they are on disk when this returns."""
        with writing(self._engine) as write:
            fresh = {(one.user_id, one.purpose, one.source): one for one in said}
            key = consents.c.user_id, consents.c.purpose, consents.c.source
            for chunk in chunks_of(list(fresh)):
                users = {user_id for user_id, _, _ in chunk}
                known = write.connection.execute(select(*key).where(consents.c.user_id.in_(users)))
                for user_id, purpose, source in known.all():
                    fresh.pop((UserId(user_id), purpose, source), None)
            if fresh:
                write.connection.execute(
                    insert(consents), [_values(one, write.change_number) for one in fresh.values()]
                )

    def append_many(self, said: Sequence[Consent]) -> None:
        """Append many, in several transactions."""
        for chunk in chunks_of(said):
            self._append(chunk)

    def users_with(self, purpose: str) -> set[UserId]:
        """Users who consent to a purpose now."""
        return self._users(purpose, granted=True)

    def users_without(self, purpose: str) -> set[UserId]:
        """Users who refused a purpose or withdrew from it. Those who never said anything are in neither set."""
        return self._users(purpose, granted=False)

    def _users(self, purpose: str, *, granted: bool) -> set[UserId]:
        newest = _newest(select(consents).where(consents.c.purpose == purpose))
        users = select(newest.c.user_id).where(newest.c.place == 1, newest.c.granted == granted)
        with reading(self._engine) as connection:
            return {UserId(user_id) for user_id in connection.execute(users).scalars()}

    def _append(self, said: Sequence[Consent]) -> int:
        with writing(self._engine) as write:
            write.connection.execute(insert(consents), [_values(one, write.change_number) for one in said])
            return write.change_number


def current_consents(after: int | None = None, *, granted: bool | None = None) -> Select[Any, Any, Any]:
    """User, purpose and whether it is granted now.

    Only of users of whom something was appended after a change number, if given; only granted ones, or only others.
    """
    rows = select(consents)
    if after is not None:
        touched = select(consents.c.user_id).where(consents.c.change_number > after)
        rows = rows.where(consents.c.user_id.in_(touched))
    newest = _newest(rows)
    current = select(newest.c.user_id, newest.c.purpose, newest.c.granted).where(newest.c.place == 1)
    return current if granted is None else current.where(newest.c.granted == granted)


def _newest(rows: Select[*tuple[Any, ...]]) -> Subquery:
    """The rows with their `place`: 1 for the newest of its user and purpose."""
    columns = rows.selected_columns
    order = (columns["occurred_at"].desc(), columns["id"].desc())
    place = func.row_number().over(partition_by=(columns["user_id"], columns["purpose"]), order_by=order)
    return rows.add_columns(place.label("place")).subquery()


def _values(said: Consent, change_number: int) -> dict[str, object]:
    return {
        "user_id": said.user_id,
        "purpose": said.purpose,
        "granted": said.granted,
        "source": said.source,
        "notice_version": said.notice_version,
        "occurred_at": _text(said.occurred_at),
        "received_at": _text(said.received_at),
        "change_number": change_number,
    }


def _text(instant: datetime) -> str:
    """RFC 3339 in UTC with microseconds, always as long: texts order as the instants do."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")
