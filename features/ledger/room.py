"""Which of several campaigns have room for one more coupon of a shopper: a look before the choice, without a lock."""

from collections.abc import Sequence

from features.ledger.accounts import Place, judge_many
from features.ledger.books import READ_ALLOWANCES, Allowed, Books, allowed_of
from features.ledger.holders import device_digest, digest_of
from features.ledger.values import IssueRequest
from recommender.offers.refusal import Refusal


def room_for(books: Books, requests: Sequence[IssueRequest]) -> list[Refusal | None]:
    """Whether each request would be issued now, of one shopper and device, each as if it were the only one.

    Only `issue` makes sure of it. Raises ValueError if they are of several shoppers or devices.
    """
    if len({(one.holder, one.device_id) for one in requests}) > 1:
        raise ValueError("one look is for one shopper with one device")
    if not requests:
        return []
    campaigns = {"campaigns": list({one.campaign_id for one in requests})}
    rows = books.connection.execute(READ_ALLOWANCES, campaigns).mappings()
    allowed = {row["campaign_id"]: allowed_of(row) for row in rows}
    shopper, device = digest_of(books.secret, requests[0].holder), device_digest(books.secret, requests[0].device_id)
    open_ones = [one for one in requests if _is_open(allowed.get(one.campaign_id))]
    wanted = [
        (
            allowed[one.campaign_id],
            Place(one.campaign_id, allowed[one.campaign_id].day(books.now), one.store_id or "", shopper, device),
            one.most_discount,
        )
        for one in open_ones
    ]
    person = books.person(requests[0].holder)
    judged = dict(zip(map(id, open_ones), judge_many(books.connection, wanted, person), strict=True))
    return [judged.get(id(one), Refusal.KILLED) for one in requests]


def _is_open(allowed: Allowed | None) -> bool:
    return allowed is not None and allowed.state == "open"
