"""Coupons that the ledger issued, on a real database: what becomes of them at the tills is learnt from."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from features.audit import SYSTEM
from features.identity import USER_ID, read_secret
from features.ledger.ledger import Ledger
from features.ledger.values import Coupon, IssueRequest, Quote, Redemption, ReserveRequest
from features.ledger.voiding import void
from features.offline.coupon_habits import coupon_habits
from features.settings import Settings
from features.sql.campaign_import import import_campaigns
from features.sql.consent_store import ConsentStore
from features.sql.engine import open_engine
from recommender.consent import State
from tests.builders import said
from tests.unit.training.offers.coupon_shop import definition
from tests.unit.training.small_shop import START, open_shop, orders, small_config
from training.offers.learn import open_bench
from training.read import TrainingData, read_training_data

ISSUED = START + timedelta(days=30, hours=10)
USED = ISSUED + timedelta(hours=1)
ENDS = ISSUED + timedelta(hours=4)
LATER = START + timedelta(days=40)  # the rollback, and the last purchase, are about here


class Tills:
    """A ledger whose clock is set by each call."""

    def __init__(self, settings: Settings) -> None:
        self._engine, self._now = open_engine(settings), ISSUED
        import_campaigns(self._engine, [("c", "active", definition("aisle", ["i1", "i2"], START))], by=SYSTEM)
        self._ledger = Ledger(self._engine, lambda: read_secret(settings), lambda: self._now)

    def issue(self, user: str, at: datetime = ISSUED) -> Coupon:
        self._now = at
        issued = self._ledger.issue(
            IssueRequest(
                campaign_id="c", decision_id=f"{user} {at}", holder=(USER_ID, user), most_discount=50, valid_from=at,
                valid_until=at + timedelta(hours=4),
            )
        )  # fmt: skip
        assert isinstance(issued, Coupon)
        return issued

    def use(self, coupon: Coupon) -> Redemption:
        self._now = USED
        request = ReserveRequest(quotes=(Quote(coupon.coupon_id, 50),), currency="EUR", store_id="s1", till_id="t")
        return self._ledger.redeem(self._ledger.reserve(request).reservation_id, coupon.coupon_id)[0]

    def roll_back(self, redemption: Redemption) -> None:
        self._now = LATER
        self._ledger.roll_back(redemption.redemption_id)

    def never_shown(self, coupon: Coupon) -> None:
        with self._ledger.writing() as books:
            assert void(books, coupon.coupon_id)

    def withdraw(self, user: str) -> None:
        ConsentStore(self._engine).append([said(user, State.WITHDRAWN, START + timedelta(days=1))])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Coupons of eight shoppers: u0 used it, u1 took it back later, u2 withdrew, u3 never saw it, u4-u7 let it be."""
    settings = open_shop(tmp_path_factory.mktemp("tills"), orders(n_users=8, n_days=50), consenting=8)
    tills = Tills(settings)
    coupons = {user: tills.issue(user) for user in ("u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7", "nobody")}
    tills.never_shown(coupons["u3"])
    tills.use(coupons["u0"])
    tills.use(coupons["u2"])
    tills.roll_back(tills.use(coupons["u1"]))
    tills.issue("u4", LATER)
    tills.withdraw("u2")
    return settings


@pytest.fixture(scope="module")
def data(shop: Settings) -> TrainingData:
    return read_training_data(shop, None)


def test_a_coupon_used_at_a_till_raises_the_habit_of_its_shopper(data: TrainingData) -> None:
    habits = habits_at(data, LATER + timedelta(hours=1))
    assert habits["u0"] == (1.0, pytest.approx(1 / 7))  # one use of seven coupons: u4 has two
    assert habits["u4"] == (0.0, pytest.approx(2 / 7))


def test_one_that_was_taken_back_does_not_but_did_until_then(data: TrainingData) -> None:
    assert habits_at(data, LATER + timedelta(hours=1))["u1"][0] == 0.0
    assert habits_at(data, LATER)["u1"][0] == 1.0


def test_without_consent_nothing_is_learnt_from_a_till_and_nobody_learns_from_what_nobody_saw(
    data: TrainingData,
) -> None:
    assert set(habits_at(data, LATER)) == {"u0", "u1", "u4", "u5", "u6", "u7"}


def test_cases_are_coupons_that_ended_by_the_cut_as_they_stood_then(data: TrainingData) -> None:
    """At the issue nothing is decided; at its end it is; after the rollback, less was redeemed."""
    bench = open_bench(data, small_config())
    assert len(bench.make_issued(day(USED))) == 0
    assert (len(bench.make_issued(day(ENDS))), bench.make_issued(day(ENDS)).redeemed.sum()) == (6, 2)
    later = bench.make_issued(day(LATER + timedelta(hours=1)))
    assert (len(later), later.redeemed.sum()) == (6, 1)
    assert not later.redemptions.any()  # before they were issued, nobody had redeemed anything


@pytest.mark.parametrize(("until", "redeemed", "coupons"), [(USED, 0, 6), (LATER, 2, 6)])
def test_nothing_from_the_cut_on_is_read(shop: Settings, until: datetime, redeemed: int, coupons: int) -> None:
    history = read_training_data(shop, until).coupons
    assert len(history.issues) == coupons
    assert len(history.redeemed()) == redeemed
    assert (history.redeemed()["taken_back_day"] == float("inf")).all()


def habits_at(data: TrainingData, cut: datetime) -> Mapping[str, tuple[float, float]]:
    found = coupon_habits(data.coupons.received(), data.coupons.redeemed(), day(cut))
    return {user: (redeemed, expected) for user, redeemed, expected in found.iter_rows()}


def day(at: datetime) -> float:
    return at.timestamp() / 86_400
