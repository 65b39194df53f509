"""Which of several campaigns have room for one more coupon of a shopper: a look before the choice, without a lock."""

from collections.abc import Mapping

from features.identity import Identifier
from features.ledger.accounts import Place, judge_many
from features.ledger.books import Books, look_at_campaigns
from features.ledger.holders import device_digest, digest_of
from recommender.offers.refusal import Refusal


def room_for(
    books: Books, wanted: Mapping[str, int], holder: Identifier, device_id: str | None, store_id: str | None
) -> dict[str, Refusal | None]:
    """Whether each campaign has room for one more coupon, each as if it were the only one; only `issue` makes sure.

    Args:
        wanted: by campaign id the largest discount, in minor units.
    """
    allowed = look_at_campaigns(books.connection, wanted)
    found: dict[str, Refusal | None] = dict.fromkeys(wanted, Refusal.KILLED)
    shopper, device = digest_of(books.secret, holder), device_digest(books.secret, device_id)
    asked = [
        (one, Place(one.campaign_id, one.day(books.now), store_id or "", shopper, device), wanted[one.campaign_id])
        for one in allowed.values()
        if one.state == "open"
    ]
    judged = judge_many(books.connection, asked, books.person(holder))
    found.update((place.campaign_id, refusal) for (_, place, _), refusal in zip(asked, judged, strict=True))
    return found
