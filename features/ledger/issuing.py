"""Issuing a coupon: judged, held and written in one transaction."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from features.ledger.accounts import Place, judge
from features.ledger.books import LONGEST_COUPON, TILL_GRACE, Allowed, Books, new_id, text_of, upserts
from features.ledger.coupons import Row, change, code_digest, code_of, coupon_of, coupon_of_decision
from features.ledger.entries import open_hold
from features.ledger.holders import device_digest, digest_of
from features.ledger.values import Coupon, IssueRequest
from features.sql.prepared import Prepared
from features.sql.tables.ledger import coupons
from recommender.errors import InvalidInput
from recommender.offers.refusal import Refusal

WRITE = Prepared(
    upserts(
        coupons,
        lambda insert: insert.on_conflict_do_nothing(index_elements=["decision_id"]).returning(coupons.c.coupon_id),
    )
)


def issue(books: Books, request: IssueRequest) -> Coupon | Refusal:
    """Issue the coupon of a decision, or say why not; a refusal has written nothing.

    Asked again for the same decision, it answers with the same coupon.

    Raises:
        InvalidInput: the request contradicts itself, or the decision has a coupon of another campaign or shopper.
    """
    _check(request, books.now)
    books.lock([request.campaign_id])
    known = coupon_of_decision(books, request.decision_id)
    return (
        issue_first(books, request) if known is None else _same(known, request, digest_of(books.secret, request.holder))
    )


def issue_first(books: Books, request: IssueRequest) -> Coupon | Refusal:
    """The same for a decision that was never asked for; raises InvalidInput if it has a coupon."""
    _check(request, books.now)
    allowed = books.lock([request.campaign_id]).get(request.campaign_id)
    if allowed is None or allowed.state != "open":
        return Refusal.KILLED
    place = _place(books.secret, request, allowed.day(books.now))
    refused = judge(books.connection, allowed, place, books.person(request.holder), request.most_discount)
    return refused or write_coupon(books, allowed, request, place)


def coupon_to_be(secret: bytes, request: IssueRequest, version: int, currency: str) -> Coupon:
    """The coupon that `issue` will answer with, if its id is in the request and the campaign is as the caller knows."""
    place = _place(secret, request, "")
    return coupon_of(secret, _row(secret, request, place, request.coupon_id or "", version) | {"currency": currency})


def hold_again(books: Books, row: Row, person: Collection[str]) -> Refusal | None:
    """Hold the budget anew for a coupon whose hold was resolved, as after a rollback; None: it is held."""
    facts, allowed = row.facts, row.allowed
    if allowed.state != "open":
        return Refusal.KILLED
    place = Place(allowed.campaign_id, allowed.day(books.now), facts["store_id"], facts["shopper"], facts["device"])
    refused = judge(books.connection, allowed, place, {*person, place.shopper}, facts["most_discount"])
    if refused is None:
        until = row.instant("valid_until") + TILL_GRACE
        number = open_hold(books, row.coupon_id, place, facts["most_discount"], until)
        change(books, row.coupon_id, hold_number=number, hold_until=text_of(until))
    return refused


def write_coupon(
    books: Books, allowed: Allowed, request: IssueRequest, place: Place, *, shared: bool = False
) -> Coupon:  # fmt: skip
    """Write a coupon that was judged, and hold its budget; a shared one's for no longer than a till has.

    Raises:
        InvalidInput: the decision has a coupon of another campaign.
    """
    coupon_id = request.coupon_id or new_id("cpn")
    until = request.valid_until + (timedelta() if shared else TILL_GRACE)
    number = open_hold(books, coupon_id, place, request.most_discount, until)
    row = _row(books.secret, request, place, coupon_id, allowed.version) | {
        "shared": shared, "hold_number": number, "hold_until": text_of(until), "issued_at": text_of(books.now),
        "reservation_id": None,
    }  # fmt: skip
    if not WRITE.rows(books.connection, row):  # another campaign, whose lock we have not, was first
        raise _taken(request)
    return coupon_of(books.secret, row | {"currency": allowed.currency})


def _place(secret: bytes, request: IssueRequest, day: str) -> Place:
    shopper, device = digest_of(secret, request.holder), device_digest(secret, request.device_id)
    return Place(request.campaign_id, day, request.store_id or "", shopper, device)


def _row(secret: bytes, request: IssueRequest, place: Place, coupon_id: str, version: int) -> dict[str, Any]:
    return {
        "coupon_id": coupon_id, "code_digest": code_digest(code_of(secret, coupon_id)),
        "decision_id": request.decision_id, "campaign_id": request.campaign_id, "version": version, "state": "issued",
        "shopper": place.shopper, "device": place.device, "bound": request.bound, "store_id": place.store_id,
        "stores": list(request.stores), "most_discount": request.most_discount,
        "valid_from": text_of(request.valid_from), "valid_until": text_of(request.valid_until),
    }  # fmt: skip


def _same(known: Coupon, request: IssueRequest, shopper: str) -> Coupon:
    if (known.campaign_id, known.shopper) != (request.campaign_id, shopper):
        raise _taken(request)
    return known


def _taken(request: IssueRequest) -> InvalidInput:
    return InvalidInput(
        f"Decision {request.decision_id} has a coupon of another campaign or shopper.",
        field="decision_id",
        remedy="Name each decision anew.",
    )


def _check(request: IssueRequest, now: datetime) -> None:
    if request.most_discount < 0:
        raise InvalidInput(
            f"most_discount must be at least 0, got {request.most_discount}",
            field="most_discount",
            remedy="Send the largest discount in minor units.",
        )
    if not max(now, request.valid_from) < request.valid_until <= now + LONGEST_COUPON:
        raise InvalidInput(
            f"A coupon must end after it begins, after now, and within {LONGEST_COUPON.days} days.",
            field="valid_until",
            remedy="Send another time.",
        )
