"""What a till can ask for; each is one transaction, with its Idempotency-Key in it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection

from features.audit import Author
from features.identity import Identifier
from features.ledger import rollback, tills
from features.ledger.books import text_of
from features.ledger.idempotency import Call, Reply, once
from features.ledger.ledger import Ledger
from features.ledger.signing_keys import SigningKeys
from features.ledger.values import Coupon, Redemption, ReserveRequest
from recommender.offers.terms import Amount, BuyXGetY, Percent, Terms, parse_terms
from recommender.offers.token import Claims, KeySet, read_key_set, sign
from serving.coupons.baskets import Judge, Judged, identifier_of, is_token
from serving.coupons.schemas import RedeemNowBody, RollbackBody, ValidateBody

Stores = frozenset[str] | None  # that the caller may act in; None: all


class TillDesk:
    """Coupons at the till. Every call blocks: run it in a thread."""

    def __init__(self, ledger: Ledger, keys: SigningKeys, judge: Judge, clock: Callable[[], datetime]) -> None:
        self._ledger, self._keys, self._judge, self._clock = ledger, keys, judge, clock

    def key_document(self) -> dict[str, Any]:
        """The public keys of tokens."""
        return self._keys.document(self._clock())

    def validate(self, body: ValidateBody) -> list[Judged]:
        """What each coupon would do; keeps nothing."""
        keys = self._keys_for(body)
        with self._ledger.trying() as books:
            return self._judge(books, body, keys)

    def recall(self, call: Call) -> Reply | None:
        """What a call was answered with before; raises KeyReused."""
        return self._ledger.recall(call)

    def reserve(self, body: ValidateBody, call: Call, by: Author) -> Reply:
        """Claim all coupons or none; raises CouponRefused."""
        keys = self._keys_for(body)
        with self._ledger.writing(by) as books:

            def work() -> tuple[int, object]:
                judged = self._judge(books, body, keys)
                reservation = tills.reserve(books, _request(judged, body))
                named = {"reservation_id": reservation.reservation_id, "deadline": text_of(reservation.deadline)}
                return 201, named | _in_all(judged, body)

            return once(books, call, work)

    def redeem(self, reservation_id: str, order_id: str, stores: Stores, call: Call, by: Author) -> Reply:
        """Use what was reserved; raises CouponRefused."""
        with self._ledger.writing(by) as books:
            return once(books, call, lambda: (200, _used(tills.redeem(books, reservation_id, order_id, stores))))

    def release(self, reservation_id: str, stores: Stores, by: Author) -> None:
        """Let go what was reserved; raises CouponRefused."""
        with self._ledger.writing(by) as books:
            tills.release(books, reservation_id, stores)

    def redeem_now(self, body: RedeemNowBody, call: Call, by: Author) -> Reply:
        """Claim and use all coupons, or none; raises CouponRefused."""
        keys = self._keys_for(body)
        with self._ledger.writing(by) as books:

            def work() -> tuple[int, object]:
                reservation = tills.reserve(books, _request(self._judge(books, body, keys), body))
                return 201, _used(tills.redeem(books, reservation.reservation_id, body.order_id))

            return once(books, call, work)

    def roll_back(self, redemption_id: str, body: RollbackBody, stores: Stores, call: Call, by: Author) -> Reply:
        """Take back a redemption, or part of it; raises CouponRefused."""
        with self._ledger.writing(by) as books:

            def work() -> tuple[int, object]:
                taken = rollback.roll_back(books, redemption_id, body.amount, stores, reissue=body.reissue)
                return 200, redemption_json(taken)

            return once(books, call, work)

    def _keys_for(self, body: ValidateBody) -> KeySet:
        """The keys that its tokens are verified by, as they are now."""
        return read_key_set(self.key_document()) if any(map(is_token, body.coupons)) else KeySet({})

    def wallet(self, shopper: Identifier) -> dict[str, object]:
        """Coupons that a person can use, with the tokens to show."""
        held, signer = self._ledger.wallet(shopper), self._keys.signer(self._clock())
        terms = self._ledger.terms({(coupon.campaign_id, coupon.version) for coupon in held})
        return {"coupons": [_card(one, parse_terms(terms[one.campaign_id, one.version]), signer) for one in held]}

    def signing(self, connection: Connection) -> Callable[[Coupon, Terms], str]:
        """What signs coupons now; the token is the same until the key is rotated."""
        signer = self._keys.signer_in(connection, self._clock())
        return lambda coupon, terms: sign(_claims(coupon, terms), *signer)


def verdict_json(judged: Sequence[Judged], body: ValidateBody) -> dict[str, object]:
    """What coupons would do, as a reply has it."""
    return {"valid": all(one.refused is None for one in judged), **_in_all(judged, body)}


def redemption_json(used: Redemption) -> dict[str, object]:
    """A redemption as a reply has it."""
    return {
        "redemption_id": used.redemption_id, "coupon_id": used.coupon_id, "campaign_id": used.campaign_id,
        "state": used.state, "order_id": used.order_id, "store_id": used.store_id,
        "discount": {"amount": used.amount, "currency": used.currency}, "rolled_back": used.rolled_back,
        "allocations": used.allocations, "redeemed_at": text_of(used.redeemed_at),
    }  # fmt: skip


def _card(coupon: Coupon, terms: Terms, signer: tuple[str, Ed25519PrivateKey]) -> dict[str, object]:
    return {
        "coupon_id": coupon.coupon_id, "code": coupon.code, "token": sign(_claims(coupon, terms), *signer),
        "title": terms.title, "state": coupon.state, "redeem_at": coupon.stores,
        "max_discount": {"amount": coupon.most_discount, "currency": coupon.currency},
        "valid_from": text_of(coupon.valid_from), "valid_until": text_of(coupon.valid_until),
    }  # fmt: skip


def _request(judged: Sequence[Judged], body: ValidateBody) -> ReserveRequest:
    return ReserveRequest(
        quotes=tuple(one.quote() for one in judged), currency=body.basket.currency, store_id=body.store_id,
        till_id=body.till_id, basket_ref=body.basket.ref, shopper=identifier_of(body),
    )  # fmt: skip


def _in_all(judged: Sequence[Judged], body: ValidateBody) -> dict[str, object]:
    total = sum(one.effect.amount for one in judged)
    return {
        "coupons": [one.as_json() for one in judged],
        "discount": {"amount": total, "currency": body.basket.currency},
    }


def _used(redemptions: Sequence[Redemption]) -> dict[str, object]:
    total = {"amount": sum(one.amount for one in redemptions), "currency": redemptions[0].currency}
    return {"redemptions": [redemption_json(one) for one in redemptions], "discount": total}


def _claims(coupon: Coupon, terms: Terms) -> Claims:
    discount = terms.discount
    match discount:
        case Percent(percent=percent):
            kind, value = "percent", f"{percent:g}"
        case Amount(amount=amount):
            kind, value = "amount", str(amount)
        case BuyXGetY(buy=buy, get=get):
            kind, value = "buy_x_get_y", f"{buy}+{get}"
        case _:
            kind, value = "points", f"{discount.multiplier:g}"
    return Claims(
        c=coupon.coupon_id, g=coupon.campaign_id, k=kind, d=value, m=coupon.most_discount, u=coupon.currency,
        nbf=int(coupon.valid_from.timestamp()), exp=int(coupon.valid_until.timestamp()), s=list(coupon.stores),
        h=coupon.shopper[:16] if coupon.bound else "",
    )  # fmt: skip
