"""What tills do: claim coupons for a basket, use them, let them go."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from features.identity import Identifier
from features.ledger.books import RESERVATION_LIFE, Books, new_id, text_of
from features.ledger.coupons import Row, change, lock_coupons
from features.ledger.entries import read_hold, resolve
from features.ledger.issuing import hold_again
from features.ledger.values import Quote, Redemption, Reservation, ReserveRequest
from features.ledger.voiding import void
from features.sql.prepared import Prepared
from features.sql.tables.ledger import redemptions, reservations
from recommender.errors import CouponRefused, InvalidInput
from recommender.offers.refusal import Refusal

FIND = Prepared(select(reservations).where(reservations.c.reservation_id == bindparam("reservation")))
WRITE, WRITE_USE = Prepared(insert(reservations)), Prepared(insert(redemptions))
END = Prepared(update(reservations).where(reservations.c.reservation_id == bindparam("ended")), ["state", "ended_by"])


def check(books: Books, row: Row, store_id: str, shopper: Identifier | None) -> Refusal | None:
    """Why this coupon may not be reserved here, by this shopper, now; None: it may. Writes nothing."""
    facts = row.facts
    match facts["state"]:
        case "redeemed":
            return Refusal.ALREADY_REDEEMED
        case "voided":
            return Refusal.VOIDED
        case "reserved" if _claimed(books, facts["reservation_id"]):
            return Refusal.ALREADY_RESERVED
        case _:
            pass
    if row.allowed.state == "killed":
        return Refusal.KILLED
    if facts["stores"] and store_id not in facts["stores"]:
        return Refusal.WRONG_STORE
    if facts["bound"]:
        if shopper is None:
            return Refusal.SHOPPER_REQUIRED
        if facts["shopper"] not in books.person(shopper):
            return Refusal.WRONG_SHOPPER
    return row.out_of_window(books.now)


def reserve(books: Books, request: ReserveRequest) -> Reservation:
    """Claim coupons for one basket; whoever else comes is refused until the claim is released or its deadline passes.

    Raises:
        CouponRefused: one of them may not be reserved; the transaction must be undone.
        InvalidInput: a quote is more than its coupon can give, or names it twice.
    """
    rows = lock_coupons(books, [quote.coupon_id for quote in request.quotes])
    if len({quote.coupon_id for quote in request.quotes}) < len(request.quotes):
        raise InvalidInput("A coupon is named twice.", field="coupons", remedy="Name each coupon once.")
    deadline, reservation_id = books.now + RESERVATION_LIFE, new_id("rsv")
    for quote in request.quotes:
        row = rows.get(quote.coupon_id)
        if row is None:
            raise CouponRefused(Refusal.COUPON_UNKNOWN, quote.coupon_id)
        deadline = min(deadline, _claim(books, row, quote, request, reservation_id))
    values = {
        "reservation_id": reservation_id, "state": "open", "store_id": request.store_id, "till_id": request.till_id,
        "basket_ref": request.basket_ref, "currency": request.currency, "deadline": text_of(deadline),
        "quotes": [_quote_json(quote) for quote in request.quotes], "made_at": text_of(books.now),
        "made_by": books.by, "ended_by": "",
    }  # fmt: skip
    WRITE.run(books.connection, values)
    return _reservation(values)


def redeem(books: Books, reservation_id: str, order_id: str, stores: Collection[str] | None = None) -> list[Redemption]:
    """Use the coupons of a reservation: post what was quoted, and return the rest to the budget.

    `stores`: those that the caller may act in; None: all.

    Raises:
        CouponRefused: the reservation is unknown, of another store, past its deadline, released or redeemed.
    """
    found = _locked(books, reservation_id, stores)
    _must_be_open(found)
    if books.now >= datetime.fromisoformat(found["deadline"]):
        raise CouponRefused(Refusal.RESERVATION_EXPIRED, reservation_id)
    quotes = [_quote(quote) for quote in found["quotes"]]
    rows = lock_coupons(books, [quote.coupon_id for quote in quotes])
    used: list[Redemption] = []
    for quote in quotes:
        row = rows[quote.coupon_id]
        if row.allowed.state == "killed":
            raise CouponRefused(Refusal.KILLED, quote.coupon_id)
        if row.facts["reservation_id"] != reservation_id or row.facts["hold_number"] is None:
            raise CouponRefused(Refusal.RESERVATION_EXPIRED, reservation_id)  # by a clock that is ahead of this one
        used.append(_use(books, row, quote, found, order_id))
    _end(books, reservation_id, "redeemed")
    return used


def release(books: Books, reservation_id: str, stores: Collection[str] | None = None) -> None:
    """Let the coupons of a reservation go; they can be reserved again. Doing so again changes nothing.

    Raises:
        CouponRefused: the reservation is unknown, of another store, or redeemed.
    """
    found = _locked(books, reservation_id, stores)
    if found["state"] == "redeemed":
        raise CouponRefused(Refusal.RESERVATION_REDEEMED, reservation_id)
    for row in lock_coupons(books, [quote["coupon_id"] for quote in found["quotes"]]).values():
        if row.facts["reservation_id"] == reservation_id:
            change(books, row.coupon_id, state="issued", reservation_id=None)
            if row.facts["shared"]:  # it was made for this basket
                void(books, row.coupon_id)
    if found["state"] == "open":
        _end(books, reservation_id, "released")


def _claimed(books: Books, reservation_id: str) -> bool:
    [found] = FIND.maps(books.connection, {"reservation": reservation_id})
    return found["state"] == "open" and books.now < datetime.fromisoformat(found["deadline"])


def _claim(books: Books, row: Row, quote: Quote, request: ReserveRequest, reservation_id: str) -> datetime:
    """Claim one coupon; returns until when its budget is held."""
    refused = check(books, row, request.store_id, request.shopper)
    if refused is None and request.currency != row.allowed.currency:
        refused = Refusal.WRONG_CURRENCY
    if refused is None and not row.has_live_hold(books.now):
        refused = hold_again(books, row, _person(books, row, request.shopper))
    if refused is not None:
        raise CouponRefused(refused, row.coupon_id)
    if not 0 <= quote.amount <= row.facts["most_discount"]:
        raise InvalidInput(
            f"The discount of {row.coupon_id} must be from 0 to {row.facts['most_discount']}, got {quote.amount}.",
            field="amount",
            remedy="Ask POST /v1/coupons/validate for the discount.",
        )
    change(books, row.coupon_id, state="reserved", reservation_id=reservation_id)
    again = lock_coupons(books, [row.coupon_id])[row.coupon_id]
    return again.instant("hold_until")


def _person(books: Books, row: Row, shopper: Identifier | None) -> frozenset[str]:
    """All that the holder is known by, as far as the till lets us know."""
    known = frozenset([row.facts["shopper"]])
    if shopper is None:
        return known
    person = books.person(shopper)
    return person if known & person else known


def _use(books: Books, row: Row, quote: Quote, reservation: Mapping[str, Any], order_id: str) -> Redemption:
    redemption_id, number = new_id("rdm"), row.facts["hold_number"]
    resolve(books, read_hold(books, number), "post", quote.amount, redemption_id)
    change(books, row.coupon_id, state="redeemed", hold_number=None, hold_until=None, reservation_id=None)
    values = {
        "redemption_id": redemption_id, "reservation_id": reservation["reservation_id"], "coupon_id": row.coupon_id,
        "campaign_id": row.allowed.campaign_id, "hold_number": number, "state": "posted", "order_id": order_id,
        "store_id": reservation["store_id"], "till_id": reservation["till_id"], "currency": reservation["currency"],
        "amount": quote.amount, "rolled_back": 0, "allocations": [dict(part) for part in quote.allocations],
        "redeemed_at": text_of(books.now),
    }  # fmt: skip
    WRITE_USE.run(books.connection, values)
    return redemption_of(values)


def _locked(books: Books, reservation_id: str, stores: Collection[str] | None) -> Mapping[str, Any]:
    """A reservation, with the campaigns of its coupons locked."""
    this = {"reservation": reservation_id}
    known = FIND.maps(books.connection, this)
    if not known:
        raise CouponRefused(Refusal.RESERVATION_UNKNOWN, reservation_id)
    [found] = known
    if stores is not None and found["store_id"] not in stores:
        raise CouponRefused(Refusal.WRONG_STORE, reservation_id)
    claimed = [quote["coupon_id"] for quote in found["quotes"]]
    if books.coupons.keys() >= set(claimed):  # nobody else could change it since we locked them
        return found
    lock_coupons(books, claimed)
    [found] = FIND.maps(books.connection, this)
    return found


def _must_be_open(found: Mapping[str, Any]) -> None:
    ended = {"redeemed": Refusal.RESERVATION_REDEEMED, "released": Refusal.RESERVATION_RELEASED}.get(found["state"])
    if ended is not None:
        raise CouponRefused(ended, found["reservation_id"])


def _end(books: Books, reservation_id: str, state: str) -> None:
    END.run(books.connection, {"ended": reservation_id, "state": state, "ended_by": books.by})


def _quote_json(quote: Quote) -> dict[str, Any]:
    parts = [dict(part) for part in quote.allocations]
    return {"coupon_id": quote.coupon_id, "amount": quote.amount, "allocations": parts}


def _quote(kept: dict[str, Any]) -> Quote:
    return Quote(kept["coupon_id"], kept["amount"], tuple(kept["allocations"]))


def _reservation(row: dict[str, Any]) -> Reservation:
    return Reservation(
        reservation_id=row["reservation_id"], state=row["state"], store_id=row["store_id"], currency=row["currency"],
        quotes=tuple(map(_quote, row["quotes"])), deadline=datetime.fromisoformat(row["deadline"]),
    )  # fmt: skip


def redemption_of(row: Mapping[str, Any] | dict[str, Any]) -> Redemption:
    """The value of a row of redemptions."""
    return Redemption(
        redemption_id=row["redemption_id"], coupon_id=row["coupon_id"], campaign_id=row["campaign_id"],
        state=row["state"], order_id=row["order_id"], store_id=row["store_id"], currency=row["currency"],
        amount=row["amount"], rolled_back=row["rolled_back"], allocations=tuple(row["allocations"]),
        redeemed_at=datetime.fromisoformat(row["redeemed_at"]),
    )  # fmt: skip
