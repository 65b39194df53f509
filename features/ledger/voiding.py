"""Taking a coupon back before anybody used it."""

from features.ledger.books import Books
from features.ledger.coupons import change, lock_coupons
from features.ledger.entries import read_hold, resolve


def void(books: Books, coupon_id: str) -> bool:
    """Void a coupon that nobody has claimed, and return its hold to every budget and cap.

    Returns whether it was voided now: not if it is unknown, claimed, used, expired or void already.
    """
    row = lock_coupons(books, [coupon_id]).get(coupon_id)
    if row is None or row.facts["state"] != "issued" or row.facts["hold_number"] is None:
        return False
    kind = "void" if row.has_live_hold(books.now) else "expire"
    resolve(books, read_hold(books, row.facts["hold_number"]), kind)
    change(books, coupon_id, state="voided", hold_number=None, hold_until=None)
    return True
