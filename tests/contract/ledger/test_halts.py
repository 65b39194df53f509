"""The switch that stops all campaigns: nothing is issued or used while it is on, and all goes on afterwards."""

import json
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from features.audit import CLI
from features.ledger import rollback, tills
from features.ledger.books import Books
from features.ledger.ledger import Ledger
from features.ledger.values import Allowance, Coupon, IssueRequest, Limit, Quote, ReserveRequest
from features.sql.audit_store import Wanted, read_newest
from features.sql.halt_store import HaltStore
from recommender.errors import CouponRefused
from recommender.offers.refusal import Refusal
from tests.contract.ledger.test_contacts import NOW, books_of

ALLOWANCE = Allowance(campaign_id="c1", version=1, state="open", timezone="UTC", currency="EUR", terms={})


def request(decision: str, campaign: str = "c1") -> IssueRequest:
    return IssueRequest(
        campaign_id=campaign, decision_id=decision, holder=("user_id", decision), device_id=None, store_id="s1",
        most_discount=10, valid_from=NOW, valid_until=NOW + timedelta(hours=4),
    )  # fmt: skip


def reserve(books: Books, coupon: Coupon) -> str:
    quotes = (Quote(coupon.coupon_id, 5, ()),)
    wanted = ReserveRequest(
        quotes=quotes, currency="EUR", store_id="s1", till_id="", basket_ref="", shopper=None
    )  # fmt: skip
    return tills.reserve(books, wanted).reservation_id


def issued(ledger: Ledger, decision: str, campaign: str = "c1") -> Coupon:
    coupon = ledger.issue(request(decision, campaign))
    assert isinstance(coupon, Coupon)
    return coupon


def test_while_it_is_on_nothing_is_issued_or_used_and_what_was_used_can_be_taken_back(engine: Engine) -> None:
    ledger, switch = books_of(engine), HaltStore(engine)
    ledger.allow(ALLOWANCE)
    used, claimed, waiting = (issued(ledger, name) for name in ("used", "claimed", "waiting"))
    with ledger.writing() as books:
        [redemption] = tills.redeem(books, reserve(books, used), "order")
        reservation = reserve(books, claimed)
    halt = switch.halt("printed by mistake", by=CLI)
    assert switch.halt("again", by=CLI) == halt == switch.read()
    ledger.allow(replace(ALLOWANCE, campaign_id="c2"))  # one that is activated meanwhile
    ledger.allow(replace(ALLOWANCE, budget=Limit(100)))
    assert [ledger.issue(request("new", campaign)) for campaign in ("c1", "c2")] == [Refusal.KILLED] * 2
    with ledger.writing() as books, pytest.raises(CouponRefused, match="killed"):
        tills.redeem(books, reservation, "order")
    with ledger.writing() as books, pytest.raises(CouponRefused, match="killed"):
        reserve(books, waiting)
    with ledger.writing() as books:
        assert rollback.roll_back(books, redemption.redemption_id, 2, None).rolled_back == 2
    switch.lift("corrected", by=CLI)
    switch.lift("corrected", by=CLI)
    assert switch.read() is None
    with ledger.writing() as books:
        assert len(tills.redeem(books, reservation, "order")) == 1
        reserve(books, waiting)
    issued(ledger, "new")
    issued(ledger, "newer", "c2")
    assert ledger.verify() == []
    trail = [(one.action, json.loads(one.details)) for one in read_newest(engine, Wanted(), 5)]
    assert trail == [
        ("campaigns.halt", {"reason": "printed by mistake"}), ("campaigns.resume", {"reason": "corrected"})
    ]  # fmt: skip


def n_held(ledger: Ledger) -> int:
    return sum(ledger.balances(campaign)["campaign", "", ""].pending_count for campaign in ("c1", "c2"))


def test_who_is_in_the_middle_has_ended_when_it_is_on(engine: Engine) -> None:
    ledger, switch = books_of(engine), HaltStore(engine)
    for campaign in ("c1", "c2"):
        ledger.allow(replace(ALLOWANCE, campaign_id=campaign))
    over, made = threading.Event(), list[str]()

    def work(name: str) -> None:
        number = 0
        while not over.is_set():
            number += 1
            campaign = f"c{1 + number % 2}"
            if isinstance(ledger.issue(request(f"{name} {number}", campaign)), Coupon):
                made.append(campaign)

    threads = [threading.Thread(target=work, args=(str(name),)) for name in range(3)]
    for thread in threads:
        thread.start()
    while len(made) < 6:
        over.wait(0.01)
    switch.halt("stop", by=CLI)
    at_once = n_held(ledger)
    over.wait(0.3)
    over.set()
    for thread in threads:
        thread.join()
    assert n_held(ledger) == at_once
    assert ledger.verify() == []
