"""A code that many may show: each use counts against every limit, and what is not used goes back."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from features.identity import Identifier
from features.ledger.ledger import Ledger
from features.ledger.shared_codes import claim, find_campaigns, read_codes
from features.ledger.tills import redeem, reserve
from features.ledger.values import Allowance, Balance, Cap, Limit, Quote, Redemption, ReserveRequest, SharedCode
from features.sql.engine import reading
from recommender.errors import InvalidInput
from recommender.offers.refusal import Refusal

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SPRING = SharedCode(
    code="SPRING-20", most_discount=10, stores=("s1", "s2"), valid_from=NOW, valid_until=NOW + timedelta(days=400)
)
ALLOWANCE = Allowance(
    campaign_id="spring", version=1, state="open", timezone="UTC", currency="EUR", budget=Limit(5, 45), shared=SPRING
)


class Desk:
    def __init__(self, engine: Engine, allowance: Allowance = ALLOWANCE) -> None:
        self.now = NOW
        self.ledger = Ledger(engine, lambda: b"s" * 32, lambda: self.now)
        self.ledger.allow(allowance)

    def reserve(self, shopper: Identifier | None = None, store: str = "s1", amount: int = 10) -> str | Refusal:
        with self.ledger.writing() as books:
            coupon = claim(books, "spring", store, shopper)
            if isinstance(coupon, Refusal):
                return coupon
            return reserve(
                books, ReserveRequest(quotes=(Quote(coupon, amount),), currency="EUR", store_id=store, shopper=shopper)
            ).reservation_id

    def use(self, shopper: Identifier | None = None, store: str = "s1", amount: int = 10) -> Redemption | Refusal:
        reservation = self.reserve(shopper, store, amount)
        if isinstance(reservation, Refusal):
            return reservation
        with self.ledger.writing() as books:
            return redeem(books, reservation, "o")[0]

    def whole(self) -> Balance:
        return self.ledger.balances("spring").get(("campaign", "", ""), Balance())


def test_many_at_once_use_it_no_more_often_than_the_budget_allows(engine: Engine) -> None:
    desk = Desk(engine)
    with ThreadPoolExecutor(16) as tills:
        got = list(tills.map(lambda number: desk.use(("user_id", f"u{number}")), range(24)))
    assert sum(isinstance(one, Redemption) for one in got) == 4  # a fifth would cost more than 45
    assert {one for one in got if isinstance(one, Refusal)} == {Refusal.BUDGET_EXHAUSTED}
    assert desk.ledger.verify() == desk.ledger.overruns() == []
    with reading(engine) as connection:
        [listed] = read_codes(connection)
    assert (listed.code, listed.campaign_id, listed.used) == ("SPRING-20", "spring", Balance(0, 4, 0, 40))


def test_what_is_given_up_forgotten_or_rolled_back_goes_back(engine: Engine) -> None:
    desk = Desk(engine)
    reservation = desk.reserve()
    assert desk.whole() == Balance(1, 0, 10, 0)
    desk.ledger.release(str(reservation))
    desk.ledger.release(str(reservation))
    assert desk.whole() == Balance()
    desk.reserve()
    desk.now += timedelta(minutes=15)
    assert desk.ledger.expire_due() == 1
    used = desk.use(amount=7)
    assert isinstance(used, Redemption)
    assert desk.whole() == Balance(0, 1, 0, 7)
    desk.ledger.roll_back(used.redemption_id, reissue=True)
    assert desk.whole() == Balance()
    assert desk.ledger.verify() == []


def test_a_cap_is_kept_by_asking_who_it_is_and_a_store_s_budget_by_where(engine: Engine) -> None:
    desk = Desk(engine, replace(ALLOWANCE, caps=(Cap(1, "campaign", "shopper"),), per_store=Limit(2, None)))
    ann, bob, cid = (("user_id", name) for name in ("ann", "bob", "cid"))
    assert desk.use() is Refusal.SHOPPER_REQUIRED
    assert isinstance(desk.use(ann), Redemption)
    assert desk.use(ann) is Refusal.FREQUENCY_CAP
    assert isinstance(desk.use(bob), Redemption)
    assert desk.use(cid) is Refusal.BUDGET_EXHAUSTED
    assert isinstance(desk.use(cid, "s2"), Redemption)
    assert desk.ledger.wallet(ann) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"state": "closed"}, Refusal.KILLED),
        ({"shared": replace(SPRING, valid_from=NOW + timedelta(seconds=1))}, Refusal.NOT_STARTED),
        ({"shared": replace(SPRING, valid_until=NOW)}, Refusal.EXPIRED),
        ({"shared": replace(SPRING, stores=("s2",))}, Refusal.WRONG_STORE),
        ({"caps": (Cap(1, "day", "device"),)}, Refusal.NOT_ELIGIBLE),  # no till sees a device
    ],
)
def test_it_is_refused_where_it_does_not_hold(engine: Engine, change: dict[str, object], reason: Refusal) -> None:
    desk = Desk(engine, replace(ALLOWANCE, **change))
    assert desk.use() is reason
    assert desk.whole() == Balance()


def test_a_code_is_one_campaign_s_as_long_as_that_is_open(engine: Engine) -> None:
    desk = Desk(engine)
    other = replace(ALLOWANCE, campaign_id="other", shared=replace(SPRING, code="spring20"))
    with pytest.raises(InvalidInput, match="another active campaign"):
        desk.ledger.allow(other)
    desk.ledger.allow(replace(ALLOWANCE, state="closed"))
    desk.ledger.allow(other)
    with reading(engine) as connection:
        found = find_campaigns(connection, ["Spring 20", "SPRING-2"])
    assert found == {"Spring 20": "other"}
    desk.ledger.allow(replace(other, shared=None))
    with reading(engine) as connection:
        assert read_codes(connection) == []
