"""Sixty-four clients at once on one budget: not a coupon and not a cent too much."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import sleep

import pytest
from sqlalchemy import Engine

from features.ledger.issuing import issue
from features.ledger.ledger import Ledger
from features.ledger.values import Allowance, Cap, Coupon, IssueRequest, Limit, Quote, ReserveRequest
from recommender.errors import CouponRefused, InvalidInput
from recommender.offers.refusal import Refusal

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
CLIENTS = 64
HOT = Allowance(campaign_id="hot", version=1, state="open", timezone="UTC", currency="EUR")


def ledger(engine: Engine, budget: Limit, caps: tuple[Cap, ...] = ()) -> Ledger:
    books = Ledger(engine, lambda: b"s" * 32, lambda: NOW)
    books.allow(replace(HOT, budget=budget, caps=caps))
    return books


def request(number: int, shopper: str, money: int = 7) -> IssueRequest:
    return IssueRequest(
        campaign_id="hot", decision_id=f"d{number}", holder=("user_id", shopper), device_id=shopper, store_id="s1",
        most_discount=money, valid_from=NOW, valid_until=NOW + timedelta(hours=4),
    )  # fmt: skip


@pytest.mark.parametrize(("budget", "issued"), [(Limit(count=20), 20), (Limit(money=100), 14)])
def test_one_budget(engine: Engine, budget: Limit, issued: int) -> None:
    books = ledger(engine, budget)
    with ThreadPoolExecutor(CLIENTS) as clients:
        got = list(clients.map(lambda number: books.issue(request(number, f"u{number}")), range(CLIENTS)))
    assert sum(isinstance(one, Coupon) for one in got) == issued
    assert {one for one in got if not isinstance(one, Coupon)} == {Refusal.BUDGET_EXHAUSTED}
    assert books.verify() == books.overruns() == []


def test_one_shopper_s_cap_one_decision_and_one_coupon(engine: Engine) -> None:
    books = ledger(engine, Limit(), (Cap(3, "day", "shopper"),))
    with ThreadPoolExecutor(CLIENTS) as clients:
        same = list(clients.map(lambda _: books.issue(request(0, "ann")), range(16)))
        assert len({one.coupon_id for one in same if isinstance(one, Coupon)}) == 1
        more = list(clients.map(lambda number: books.issue(request(1 + number, "ann")), range(16)))
        assert sum(isinstance(one, Coupon) for one in more) == 2
        [coupon] = {one.coupon_id for one in same if isinstance(one, Coupon)}

        def use(number: int) -> bool:
            claim = ReserveRequest(quotes=(Quote(coupon, 5),), currency="EUR", store_id="s1")
            try:
                books.redeem(books.reserve(claim).reservation_id, f"o{number}")
            except CouponRefused:
                return False
            return True

        assert sum(clients.map(use, range(16))) == 1
    assert books.verify() == []


def test_one_decision_has_one_coupon_also_where_two_campaigns_claim_it_at_once(engine: Engine) -> None:
    books = ledger(engine, Limit())
    books.allow(replace(HOT, campaign_id="cold"))
    with ThreadPoolExecutor(2) as clients:
        with books.writing() as first:
            assert isinstance(issue(first, request(0, "ann")), Coupon)
            other = clients.submit(books.issue, replace(request(0, "ann"), campaign_id="cold"))
            sleep(0.2)  # until it waits for the first
            assert not other.done()
        with pytest.raises(InvalidInput, match="another campaign"):
            other.result()
    assert [len(books.balances(name)) > 0 for name in ("hot", "cold")] == [True, False]
    assert books.verify() == []
