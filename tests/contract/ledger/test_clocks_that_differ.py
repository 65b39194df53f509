"""Servers whose clocks differ by moments: a coupon is one till's, and who is too late is told so."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from features.ledger.ledger import Ledger
from features.ledger.values import Allowance, Coupon, IssueRequest, Quote, ReserveRequest
from recommender.errors import CouponRefused
from recommender.offers.refusal import Refusal

NOW, MOMENT = datetime(2026, 11, 1, 12, tzinfo=UTC), timedelta(milliseconds=5)


class Server:
    """A ledger with a clock of its own."""

    def __init__(self, engine: Engine) -> None:
        self.now = NOW
        self.ledger = Ledger(engine, lambda: b"s" * 32, lambda: self.now)


def test_a_claim_that_another_server_saw_end_takes_nothing_from_the_next(engine: Engine) -> None:
    behind, ahead = Server(engine), Server(engine)
    behind.ledger.allow(Allowance(campaign_id="c", version=1, state="open", timezone="UTC", currency="EUR"))
    coupon = behind.ledger.issue(
        IssueRequest(
            campaign_id="c", decision_id="d", holder=("user_id", "ann"), most_discount=90, valid_from=NOW,
            valid_until=NOW + timedelta(hours=4),
        )
    )  # fmt: skip
    assert isinstance(coupon, Coupon)
    asked = ReserveRequest(
        quotes=(Quote(coupon.coupon_id, 50, ()),), currency="EUR", store_id="s", till_id="t", basket_ref="b"
    )
    first = behind.ledger.reserve(asked)
    behind.now, ahead.now = first.deadline - MOMENT, first.deadline + MOMENT
    second = ahead.ledger.reserve(asked)
    with pytest.raises(CouponRefused) as refused:
        behind.ledger.redeem(first.reservation_id, "order-1")
    assert refused.value.reason == Refusal.RESERVATION_EXPIRED
    [used] = ahead.ledger.redeem(second.reservation_id, "order-2")
    assert used.amount == 50
    assert ahead.ledger.verify() == []
