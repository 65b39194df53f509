"""Webhooks in SQL: who is told, how far they were told, and the messages that they would not take."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, Select, func, insert, or_, select, update

from features.audit import SYSTEM, Author, Entry
from features.sql.audit_store import append_audit
from features.sql.engine import Write, reading, writing
from features.sql.identity_rows import text_of
from features.sql.permission_feed import Position, parse_position
from features.sql.tables.webhooks import parked_messages, webhooks
from recommender.errors import InvalidInput

W, P = webhooks.c, parked_messages.c
SHOWN_ERROR = 300  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Somebody who is told, and how that goes. Times are aware.

    Attributes:
        told_until: all up to this place was delivered or parked.
        telling_until: where the message ends that is being delivered; None: none is.
        failures: in a row, since `failing_since`.
        parked: messages that were given up.
    """

    webhook_id: str
    url: str
    label: str
    created_at: datetime
    told_until: Position
    telling_until: Position | None
    failing_since: datetime | None
    failures: int
    last_error: str | None
    next_try_at: datetime
    parked: int


@dataclass(frozen=True, slots=True)
class Message:
    """What a webhook is told at once: all after a place of the feed up to another."""

    webhook_id: str
    after: Position
    until: Position
    parked_id: int | None = None

    @property
    def message_id(self) -> str:
        """The same, however often it is sent."""
        return f"msg_{self.webhook_id.removeprefix('whk_')}_{self.after}_{self.until}"


class WebhookStore:
    """All webhooks; a deleted one stays on record and is told nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(
        self, webhook_id: str, url: str, label: str, told_until: Position, now: datetime, *, by: Author = SYSTEM
    ) -> None:
        """Add one that is told what comes after a place of the feed."""
        with writing(self._engine) as write:
            write.connection.execute(
                insert(webhooks).values(
                    webhook_id=webhook_id, url=url, label=label, created_at=text_of(now), told_until=str(told_until),
                    failures=0, next_try_at=text_of(now),
                )
            )  # fmt: skip
            append_audit(write.connection, Entry(by, "webhooks.create", "webhook", webhook_id))

    def delete(self, webhook_id: str, now: datetime, *, by: Author = SYSTEM) -> None:
        """Tell it nothing more; raises InvalidInput if there is none."""
        with self._changing(webhook_id) as write:
            write.connection.execute(update(webhooks).where(W.webhook_id == webhook_id).values(deleted_at=text_of(now)))
            append_audit(write.connection, Entry(by, "webhooks.delete", "webhook", webhook_id))

    def replay(self, webhook_id: str, *, by: Author = SYSTEM) -> int:
        """Ask for another try of what was given up; returns how many messages that is."""
        with self._changing(webhook_id) as write:
            mine = update(parked_messages).where(P.webhook_id == webhook_id).values(replay=True)
            write.connection.execute(
                update(webhooks).where(W.webhook_id == webhook_id).values(next_try_at=W.created_at)
            )
            n_parked = write.connection.execute(mine).rowcount
            append_audit(write.connection, Entry(by, "webhooks.replay", "webhook", webhook_id, {"messages": n_parked}))
            return n_parked

    def read_all(self) -> list[Webhook]:
        """Those that are told, the oldest first."""
        with reading(self._engine) as connection:
            return [_webhook(row) for row in connection.execute(_standing().order_by(W.created_at, W.webhook_id))]

    def read(self, webhook_id: str) -> Webhook | None:
        """One of them; None: there is none, or it was deleted."""
        with reading(self._engine) as connection:
            row = connection.execute(_standing().where(W.webhook_id == webhook_id)).one_or_none()
        return None if row is None else _webhook(row)

    def get(self, webhook_id: str) -> Webhook:
        """One of them; raises InvalidInput if there is none."""
        if (found := self.read(webhook_id)) is None:
            raise _unknown(webhook_id)
        return found

    def next_replay(self, webhook_id: str) -> Message | None:
        """The oldest parked message that is to be tried again."""
        query = select(parked_messages).where(P.webhook_id == webhook_id, P.replay).order_by(P.id).limit(1)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return Message(webhook_id, parse_position(row.after), parse_position(row.until), row.id)

    def claim(self, webhook_id: str, holder: str, now: datetime, lasting: timedelta) -> bool:
        """Take or keep the sole right to deliver to it for so long; False: another deliverer has it."""
        free = or_(W.claimed_by.is_(None), W.claimed_by == holder, W.claimed_until <= text_of(now))
        with writing(self._engine) as write:
            mine = update(webhooks).where(W.webhook_id == webhook_id, W.deleted_at.is_(None), free)
            taken = mine.values(claimed_by=holder, claimed_until=text_of(now + lasting))
            return write.connection.execute(taken).rowcount == 1

    def begin(self, message: Message, holder: str) -> bool:
        """Note how far a message goes before it is first sent; False: the right to deliver is another's by now."""
        with writing(self._engine) as write:
            mine = update(webhooks).where(W.webhook_id == message.webhook_id, W.claimed_by == holder)
            return write.connection.execute(mine.values(telling_until=str(message.until))).rowcount == 1

    def succeed(self, message: Message, holder: str, now: datetime) -> None:
        """Note that a message was taken; without the right to deliver nothing is noted, and it comes again."""
        with writing(self._engine) as write:
            self._go_on(
                write, message, holder, failing_since=None, failures=0, last_error=None, next_try_at=text_of(now)
            )
            if message.parked_id is not None:
                write.connection.execute(parked_messages.delete().where(P.id == message.parked_id))

    def fail(self, message: Message, holder: str, error: str, now: datetime, next_try_at: datetime) -> None:
        """Note that a message was not taken."""
        with writing(self._engine) as write:
            mine = update(webhooks).where(W.webhook_id == message.webhook_id, W.claimed_by == holder)
            since = func.coalesce(W.failing_since, text_of(now))
            write.connection.execute(
                mine.values(
                    failing_since=since, failures=W.failures + 1, last_error=error[:SHOWN_ERROR],
                    next_try_at=text_of(next_try_at), claimed_by=None, claimed_until=None,
                )
            )  # fmt: skip
            if message.parked_id is not None:
                again = update(parked_messages).where(P.id == message.parked_id)
                write.connection.execute(again.values(replay=False, last_error=error[:SHOWN_ERROR]))

    def park(self, message: Message, holder: str, error: str, now: datetime, next_try_at: datetime) -> None:
        """Give a message up, keep it for a replay, and go on with the next."""
        with writing(self._engine) as write:
            if self._go_on(write, message, holder, last_error=error[:SHOWN_ERROR], next_try_at=text_of(next_try_at)):
                kept = {"webhook_id": message.webhook_id, "after": str(message.after), "until": str(message.until)}
                kept |= {"parked_at": text_of(now), "last_error": error[:SHOWN_ERROR]}
                write.connection.execute(insert(parked_messages).values(**kept, replay=False))

    def _go_on(self, write: Write, message: Message, holder: str, **noted: object) -> bool:
        mine = update(webhooks).where(W.webhook_id == message.webhook_id, W.claimed_by == holder)
        if message.parked_id is None:
            noted |= {"told_until": str(message.until), "telling_until": None}
        done = write.connection.execute(mine.values(**noted, claimed_by=None, claimed_until=None))
        return done.rowcount == 1

    @contextmanager
    def _changing(self, webhook_id: str) -> Generator[Write]:
        with writing(self._engine) as write:
            known = select(W.webhook_id).where(W.webhook_id == webhook_id, W.deleted_at.is_(None))
            if write.connection.execute(known).one_or_none() is None:
                raise _unknown(webhook_id)
            yield write


def _unknown(webhook_id: str) -> InvalidInput:
    return InvalidInput(
        f"there is no webhook {webhook_id}", field="webhook_id", remedy="`recommender webhooks list` shows them."
    )


def _standing() -> Select[*tuple[Any, ...]]:
    parked = select(func.count()).where(P.webhook_id == W.webhook_id).scalar_subquery()
    return select(webhooks, parked.label("parked")).where(W.deleted_at.is_(None))


def _webhook(row: Row[*tuple[object, ...]]) -> Webhook:
    return Webhook(
        webhook_id=row.webhook_id, url=row.url, label=row.label, created_at=datetime.fromisoformat(row.created_at),
        told_until=parse_position(row.told_until), failures=row.failures, last_error=row.last_error, parked=row.parked,
        telling_until=None if row.telling_until is None else parse_position(row.telling_until),
        failing_since=None if row.failing_since is None else datetime.fromisoformat(row.failing_since),
        next_try_at=datetime.fromisoformat(row.next_try_at),
    )  # fmt: skip
