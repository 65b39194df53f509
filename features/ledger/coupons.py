"""Rows of coupons: their codes, how they are read, and how they change."""

import hmac
from base64 import b32encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, bindparam, select, update

from features.ledger.books import Allowed, Books
from features.ledger.values import Coupon
from features.sql.among import among
from features.sql.prepared import Prepared
from features.sql.tables.ledger import allowances, coupons
from recommender.offers.refusal import Refusal

CODE_BYTES = 10  # 16 characters of base32

CHOSEN = among(coupons.c.coupon_id, "ids")
CAMPAIGNS = Prepared(select(coupons.c.coupon_id, coupons.c.campaign_id).where(CHOSEN))
READ = Prepared(select(coupons).where(CHOSEN))
BY_CODE = select(coupons.c.code_digest, coupons.c.coupon_id).where(among(coupons.c.code_digest, "digests"))
WITH_CURRENCY = select(coupons, allowances.c.currency).join(
    allowances, allowances.c.campaign_id == coupons.c.campaign_id
)
BY_DECISION = Prepared(WITH_CURRENCY.where(coupons.c.decision_id == bindparam("decision")))
CHANGING = "state", "hold_number", "hold_until", "reservation_id"
CHANGE = Prepared(update(coupons).where(coupons.c.coupon_id == bindparam("changed")), CHANGING)


def code_of(secret: bytes, coupon_id: str) -> str:
    """What is typed at a till."""
    return b32encode(hmac.new(secret, f"coupon-code:{coupon_id}".encode(), sha256).digest()[:CODE_BYTES]).decode()


def plain(code: str) -> str:
    """A code without what does not count when it is typed: case, spaces and dashes."""
    return "".join(code.upper().replace("-", "").split())


def code_digest(code: str) -> str:
    """What a typed code is found by."""
    return sha256(plain(code).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Row:
    """A coupon as it lies in the table, with what its campaign may spend; nobody else can change it now."""

    facts: Mapping[str, Any]
    allowed: Allowed

    @property
    def coupon_id(self) -> str:
        """What the ledger knows it by."""
        return self.facts["coupon_id"]

    def has_live_hold(self, now: datetime) -> bool:
        """Whether the budget for it is still held."""
        return self.facts["hold_number"] is not None and now < self.instant("hold_until")

    def instant(self, name: str) -> datetime:
        """A column as an aware instant."""
        return datetime.fromisoformat(self.facts[name])

    def out_of_window(self, now: datetime) -> Refusal | None:
        """Why it is too early or too late for this coupon."""
        if now < self.instant("valid_from"):
            return Refusal.NOT_STARTED
        return Refusal.EXPIRED if now >= self.instant("valid_until") else None


def lock_coupons(books: Books, coupon_ids: Collection[str], also: Collection[str] = ()) -> dict[str, Row]:
    """Lock the campaigns of these coupons, and others too, then read the coupons; an unknown id is left out."""
    unread = list(set(coupon_ids) - books.coupons.keys())
    campaign_of = dict(CAMPAIGNS.rows(books.connection, {"ids": unread})) if unread else {}
    allowed = books.lock({*also, *campaign_of.values()})
    if campaign_of:
        for facts in READ.maps(books.connection, {"ids": campaign_of}):  # as they are under the lock
            books.coupons[facts["coupon_id"]] = facts
    found = [books.coupons[coupon_id] for coupon_id in set(coupon_ids) & books.coupons.keys()]
    return {facts["coupon_id"]: Row(facts, allowed[facts["campaign_id"]]) for facts in found}


def change(books: Books, coupon_id: str, **values: object) -> None:
    """Change a coupon that `lock_coupons` read."""
    books.coupons[coupon_id] = changed = books.coupons[coupon_id] | values
    CHANGE.run(books.connection, {"changed": coupon_id} | {name: changed[name] for name in CHANGING})


def find_ids(connection: Connection, codes: Sequence[str]) -> dict[str, str]:
    """Ids of coupons by code as it was typed."""
    digests = {code_digest(code): code for code in codes}
    rows = connection.execute(BY_CODE, {"digests": list(digests)}) if digests else ()
    return {digests[digest]: coupon_id for digest, coupon_id in rows}


def read_coupons(connection: Connection, secret: bytes, where: ColumnElement[bool]) -> list[Coupon]:
    """Coupons by a condition on their table, the newest first."""
    query = WITH_CURRENCY.where(where).order_by(coupons.c.issued_at.desc(), coupons.c.coupon_id)
    return [coupon_of(secret, row) for row in connection.execute(query).mappings()]


def coupon_of_decision(books: Books, decision_id: str) -> Coupon | None:
    """The coupon that a decision has already."""
    found = BY_DECISION.maps(books.connection, {"decision": decision_id})
    return coupon_of(books.secret, found[0]) if found else None


def coupon_of(secret: bytes, row: RowMapping | dict[str, Any]) -> Coupon:
    """The value of a row that has its campaign's currency."""
    return Coupon(
        coupon_id=row["coupon_id"], code=code_of(secret, row["coupon_id"]), decision_id=row["decision_id"],
        campaign_id=row["campaign_id"], version=row["version"], state=row["state"], shopper=row["shopper"],
        bound=row["bound"], stores=tuple(row["stores"]), most_discount=row["most_discount"], currency=row["currency"],
        valid_from=datetime.fromisoformat(row["valid_from"]), valid_until=datetime.fromisoformat(row["valid_until"]),
    )  # fmt: skip
