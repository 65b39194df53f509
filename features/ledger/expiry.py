"""Returning to the budgets what nobody came for."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, select

from features.ledger.books import Books, text_of
from features.ledger.coupons import change, lock_coupons
from features.ledger.entries import read_hold, resolve
from features.sql.tables.ledger import coupons, idempotency_keys


def is_due(connection: Connection, now: datetime) -> bool:
    """Whether any hold is past its deadline; a cheap look that takes no lock."""
    return connection.execute(select(coupons.c.coupon_id).where(_due(now)).limit(1)).first() is not None


def expire(books: Books, most: int) -> int:
    """End up to `most` coupons whose hold is past its deadline; returns how many.

    Of several processes one does it at a time: a second finds the turn taken and does nothing.
    """
    if not _has_turn(books.connection):
        return 0
    overdue = select(coupons.c.coupon_id).where(_due(books.now)).order_by(coupons.c.hold_until).limit(most)
    ended = 0
    for row in lock_coupons(books, books.connection.execute(overdue).scalars().all()).values():
        # Whoever came first may have resolved it before we had the lock.
        if row.facts["hold_number"] is not None and not row.has_live_hold(books.now):
            resolve(books, read_hold(books, row.facts["hold_number"]), "expire")
            change(books, row.coupon_id, state="expired", hold_number=None, hold_until=None, reservation_id=None)
            ended += 1
    return ended


def forget_keys(connection: Connection, made_before: datetime) -> None:
    """Forget what was answered to keys of calls that are long past."""
    connection.execute(delete(idempotency_keys).where(idempotency_keys.c.made_at < text_of(made_before)))


def _due(now: datetime) -> ColumnElement[bool]:
    return coupons.c.hold_until <= text_of(now)


def _has_turn(connection: Connection) -> bool:
    if connection.dialect.name != "postgresql":
        return True  # whoever writes to SQLite is alone
    turn = func.pg_try_advisory_xact_lock(func.hashtext("recommender:expiry"))
    return bool(connection.execute(select(turn)).scalar_one())
