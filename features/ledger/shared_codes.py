"""Codes that many may use: a coupon of one is made at the till that is shown it, and counts like every other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, delete, insert, select

from features.identity import Identifier
from features.ledger.accounts import AMOUNTS, FIELDS, Place, accounts, judge
from features.ledger.books import RESERVATION_LIFE, Allowed, Books, new_id, text_of
from features.ledger.coupons import code_digest
from features.ledger.holders import digest_of
from features.ledger.issuing import write_coupon
from features.ledger.values import Allowance, Balance, IssueRequest
from features.sql.among import among
from features.sql.tables.ledger import allowances, ledger_accounts, shared_codes
from recommender.errors import InvalidInput
from recommender.offers.refusal import Refusal

C = shared_codes.c
NOBODY: Identifier = ("", "")

BY_CODE = select(C.code_digest, C.campaign_id).where(among(C.code_digest, "digests"))
OF_CAMPAIGN = select(shared_codes).where(C.campaign_id == bindparam("campaign"))


@dataclass(frozen=True, slots=True)
class CodeInUse:
    """A shared code and what came of it so far; `state` is that of what its campaign may spend."""

    code: str
    campaign_id: str
    state: str
    currency: str
    valid_from: datetime
    valid_until: datetime
    used: Balance


def keep_shared_code(connection: Connection, allowance: Allowance) -> None:
    """Keep the code of a campaign, in place of the one it had; its row in `allowances` is there.

    Raises:
        InvalidInput: it is the code of another campaign that is open.
    """
    connection.execute(delete(shared_codes).where(C.campaign_id == allowance.campaign_id))
    if allowance.shared is None:
        return
    shared, digest = allowance.shared, code_digest(allowance.shared.code)
    owner = select(allowances.c.state).join(shared_codes).where(C.code_digest == digest)
    if connection.execute(owner).scalar() == "open":
        raise InvalidInput(
            f"The code {shared.code} is that of another active campaign.", field="code", remedy="Choose another code."
        )
    connection.execute(delete(shared_codes).where(C.code_digest == digest))  # of one that is over
    connection.execute(
        insert(shared_codes).values(
            code_digest=digest, code=shared.code, campaign_id=allowance.campaign_id, stores=list(shared.stores),
            most_discount=shared.most_discount, valid_from=text_of(shared.valid_from),
            valid_until=text_of(shared.valid_until),
        )
    )  # fmt: skip


def find_campaigns(connection: Connection, codes: Sequence[str]) -> dict[str, str]:
    """Ids of campaigns by the code as it was typed."""
    typed = {code: code_digest(code) for code in codes}
    digests = {"digests": list(set(typed.values()))}
    known = dict(connection.execute(BY_CODE, digests).all()) if typed else {}
    return {code: known[digest] for code, digest in typed.items() if digest in known}


def claim(books: Books, campaign_id: str, store_id: str, shopper: Identifier | None) -> str | Refusal:
    """Make a coupon for whoever shows the code of a campaign, to be reserved at once; its id, or why there is none.

    The campaign is locked. A cap of shoppers is kept by asking who it is: without that nothing could be counted.
    """
    allowed = books.lock([campaign_id])[campaign_id]
    code = books.connection.execute(OF_CAMPAIGN, {"campaign": campaign_id}).one()
    begins, ends = datetime.fromisoformat(code.valid_from), datetime.fromisoformat(code.valid_until)
    refused = _refusal(books, allowed, code.stores, (begins, ends), store_id, shopper)
    if refused is not None:
        return refused
    holder = shopper or NOBODY
    digest = digest_of(books.secret, holder) if shopper else ""
    place = Place(campaign_id, allowed.day(books.now), store_id, digest, "")
    person = books.person(holder) if shopper else frozenset[str]()
    request = IssueRequest(
        campaign_id=campaign_id, decision_id=new_id("code"), holder=holder, store_id=store_id, stores=(store_id,),
        most_discount=code.most_discount, valid_from=begins, valid_until=books.now + RESERVATION_LIFE,
    )  # fmt: skip
    refused = judge(books.connection, allowed, place, person, code.most_discount)
    return refused or write_coupon(books, allowed, request, place, shared=True).coupon_id


def read_codes(connection: Connection) -> list[CodeInUse]:
    """All shared codes with what their campaigns hold and have spent, by code."""
    whole = and_(accounts.campaign_id == C.campaign_id, accounts.dimension == "campaign")
    query = (
        select(C.code, C.campaign_id, allowances.c.state, allowances.c.currency, C.valid_from, C.valid_until, *AMOUNTS)
        .join(allowances, allowances.c.campaign_id == C.campaign_id)
        .outerjoin(ledger_accounts, whole)
        .order_by(C.code)
    )
    return [
        CodeInUse(
            row.code, row.campaign_id, row.state, row.currency, datetime.fromisoformat(row.valid_from),
            datetime.fromisoformat(row.valid_until), Balance(*(getattr(row, name) or 0 for name in FIELDS)),
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def _refusal(
    books: Books,
    allowed: Allowed,
    stores: Sequence[str],
    validity: tuple[datetime, datetime],
    store_id: str,
    shopper: Identifier | None,
) -> Refusal | None:
    if allowed.state != "open":
        return Refusal.KILLED
    if books.now < validity[0]:
        return Refusal.NOT_STARTED
    if books.now >= validity[1]:
        return Refusal.EXPIRED
    if stores and store_id not in stores:
        return Refusal.WRONG_STORE
    if shopper is None and any(cap.of == "shopper" for cap in allowed.caps):
        return Refusal.SHOPPER_REQUIRED
    return None
