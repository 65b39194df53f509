"""Entries of the ledger: a hold, and the one entry that resolves it. Each moves its accounts in the same breath."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import bindparam, insert, select

from features.ledger import accounts
from features.ledger.accounts import Place
from features.ledger.books import Books, text_of
from features.ledger.values import Balance
from features.sql.prepared import Prepared
from features.sql.tables.ledger import ledger_entries

Resolution = Literal["post", "void", "expire"]

COLUMNS = [column.name for column in ledger_entries.c if column.name != "entry_number"]
WRITE = Prepared(insert(ledger_entries), COLUMNS)
WRITE_NUMBERED = Prepared(insert(ledger_entries).returning(ledger_entries.c.entry_number), COLUMNS)
READ = Prepared(select(ledger_entries).where(ledger_entries.c.entry_number == bindparam("number")))


@dataclass(frozen=True, slots=True)
class Hold:
    """A claim on the budget; immutable."""

    hold_number: int
    coupon_id: str
    place: Place
    money: int
    deadline: datetime


def open_hold(books: Books, coupon_id: str, place: Place, money: int, deadline: datetime) -> int:
    """Hold one coupon of `money` until a deadline; whether there is room was judged before. Returns its number."""
    values = _values(books, "hold", coupon_id, place, 1, money) | {"deadline": text_of(deadline)}
    accounts.hold(books.connection, place, money)
    [[number]] = WRITE_NUMBERED.rows(books.connection, values)
    return int(number)


def resolve(books: Books, hold: Hold, kind: Resolution, money: int = 0, redemption_id: str | None = None) -> None:
    """End a hold: `post` spends `money` of it and returns the rest, the others return all of it.

    A second resolution of the same hold is refused by the database itself.

    Raises:
        ValueError: more would be posted than is held, or after the deadline.
    """
    if not 0 <= money <= hold.money or (kind == "post" and books.now >= hold.deadline):
        raise ValueError(f"cannot post {money} of a hold of {hold.money} until {hold.deadline}")
    count = 1 if kind == "post" else 0
    values = _values(books, kind, hold.coupon_id, hold.place, count, money)
    follows = {"hold_number": hold.hold_number, "resolves": hold.hold_number, "redemption_id": redemption_id}
    WRITE.run(books.connection, values | follows)
    accounts.move(books.connection, hold.place, Balance(-1, count, -hold.money, money))


def give_back(books: Books, hold: Hold, count: int, money: int, redemption_id: str) -> None:
    """Take back part of what a hold posted: `money`, and the coupon itself if `count` is 1."""
    values = _values(books, "rollback", hold.coupon_id, hold.place, count, money)
    follows = {"hold_number": hold.hold_number, "redemption_id": redemption_id}
    WRITE.run(books.connection, values | follows)
    accounts.move(books.connection, hold.place, Balance(0, -count, 0, -money))


def read_hold(books: Books, hold_number: int) -> Hold:
    """A hold by its number."""
    [row] = READ.maps(books.connection, {"number": hold_number})
    place = Place(row["campaign_id"], row["day"], row["store_id"], row["shopper"], row["device"])
    return Hold(hold_number, row["coupon_id"], place, row["money"], datetime.fromisoformat(row["deadline"]))


def _values(books: Books, kind: str, coupon_id: str, place: Place, count: int, money: int) -> dict[str, Any]:
    nothing: dict[str, Any] = dict.fromkeys(COLUMNS)
    return nothing | {
        "kind": kind, "campaign_id": place.campaign_id, "coupon_id": coupon_id, "count": count, "money": money,
        "day": place.day, "store_id": place.store_id, "shopper": place.shopper, "device": place.device,
        "made_at": text_of(books.now), "actor": books.by,
    }  # fmt: skip
