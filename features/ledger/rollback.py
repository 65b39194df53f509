"""Taking a redemption back, in full once or in parts, and never more than it was."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import RowMapping, select, update

from features.ledger.books import Books
from features.ledger.coupons import change, lock_coupons
from features.ledger.entries import give_back, read_hold
from features.ledger.tills import redemption_of
from features.ledger.values import Redemption
from features.sql.tables.ledger import redemptions
from recommender.errors import CouponRefused
from recommender.offers.refusal import Refusal


def roll_back(
    books: Books,
    redemption_id: str,
    amount: int | None = None,
    stores: Collection[str] | None = None,
    *,
    reissue: bool = False,
) -> Redemption:
    """Take back part of a redemption (minor units, above 0), or all that remains of it.

    Once nothing remains, the coupon counts against no limit and no cap any more. It is then void; with `reissue` it can
    be used once more until its last moment, if the budget still has room when a till claims it. (A shared code can be
    shown again anyway.)

    Raises:
        CouponRefused: the redemption is unknown, of another store, rolled back already, or less than `amount` remains.
    """
    query = select(redemptions).where(redemptions.c.redemption_id == redemption_id)
    found = books.connection.execute(query).mappings().one_or_none()
    if found is None:
        raise CouponRefused(Refusal.REDEMPTION_UNKNOWN, redemption_id)
    row = lock_coupons(books, [found["coupon_id"]])[found["coupon_id"]]
    found = books.connection.execute(query).mappings().one()
    taken = _judge(found, amount, stores)
    is_whole = found["rolled_back"] + taken == found["amount"] and (amount is None or taken > 0)
    give_back(books, read_hold(books, found["hold_number"]), int(is_whole), taken, redemption_id)
    changed: dict[str, Any] = {"rolled_back": found["rolled_back"] + taken}
    if is_whole:
        changed["state"] = "rolled_back"
        usable = reissue and not row.facts["shared"] and row.out_of_window(books.now) is None
        change(books, row.coupon_id, state="issued" if usable else "voided")
    books.connection.execute(update(redemptions).where(redemptions.c.redemption_id == redemption_id).values(changed))
    return redemption_of(dict(found) | changed)


def _judge(found: RowMapping, amount: int | None, stores: Collection[str] | None) -> int:
    """What is to be taken back, in minor units."""
    if stores is not None and found["store_id"] not in stores:
        raise CouponRefused(Refusal.WRONG_STORE, found["redemption_id"])
    if found["state"] == "rolled_back":
        raise CouponRefused(Refusal.ALREADY_ROLLED_BACK, found["redemption_id"])
    remains = int(found["amount"] - found["rolled_back"])
    if amount is not None and not 0 < amount <= remains:
        raise CouponRefused(Refusal.MORE_THAN_REMAINS, found["redemption_id"])
    return remains if amount is None else amount
