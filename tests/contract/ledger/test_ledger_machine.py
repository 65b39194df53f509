"""Whatever is done to the ledger in whatever order, it does what the model does, and its books balance."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import Engine, delete

from features.identity_rules import IdentityRules
from features.ledger.holders import digest_of
from features.ledger.ledger import Ledger
from features.ledger.values import Allowance, Balance, Cap, Coupon, IssueRequest, Limit, Quote, ReserveRequest
from features.sql.identity_store import IdentityStore
from features.sql.tables.ledger import (
    allowances,
    coupon_terms,
    coupons,
    ledger_accounts,
    ledger_entries,
    redemptions,
    reservations,
)
from features.sql.tables.people import identifiers, identity_edges, identity_merges
from recommender.errors import CouponRefused
from recommender.offers.refusal import Refusal
from tests.contract.ledger.model import Model, ModelCoupon

NOW = datetime(2026, 11, 1, 23, 30, tzinfo=UTC)  # a Sunday: its day, week and month end soon
SECRET = b"s" * 32
CAMPAIGNS = {
    "small": Allowance(
        campaign_id="small", version=1, state="open", timezone="UTC", currency="EUR", budget=Limit(6, 150),
        per_day=Limit(4, None), caps=(Cap(2, "week", "shopper"), Cap(3, "day", "device")),
    ),
    "stores": Allowance(
        campaign_id="stores", version=1, state="open", timezone="UTC", currency="EUR", budget=Limit(None, 300),
        per_store=Limit(2, 90), caps=(Cap(1, "day", "shopper"), Cap(3, "month", "shopper")),
    ),
}  # fmt: skip
TABLES = (
    redemptions, reservations, coupons, ledger_accounts, ledger_entries, coupon_terms, allowances, identity_edges,
    identity_merges, identifiers,
)  # fmt: skip
SHOPPERS, DEVICES, STORES = ("ann", "bob", "cid"), ("d1", "d2", None), ("s1", "s2")


class LedgerMachine(RuleBasedStateMachine):
    engine: Engine

    def __init__(self) -> None:
        super().__init__()
        with self.engine.begin() as connection:
            for table in TABLES:
                connection.execute(delete(table))
        self.model = Model(NOW)
        self.ledger = Ledger(self.engine, lambda: SECRET, lambda: self.model.now)
        self.people = IdentityStore(self.engine, IdentityRules())
        self.merges: list[tuple[int, set[str]]] = []
        self.requests: list[IssueRequest] = []
        for allowance in CAMPAIGNS.values():
            self.state(allowance)

    def state(self, allowance: Allowance) -> None:
        self.ledger.allow(allowance)
        self.model.allowances[allowance.campaign_id] = allowance

    @rule(
        campaign=st.sampled_from(list(CAMPAIGNS)), shopper=st.sampled_from(SHOPPERS), device=st.sampled_from(DEVICES),
        store=st.sampled_from(STORES), money=st.integers(0, 60), minutes=st.integers(1, 3000), bound=st.booleans(),
        scoped=st.booleans(),
    )  # fmt: skip
    def issue(self, campaign, shopper, device, store, money, minutes, bound, scoped) -> None:
        request = IssueRequest(
            campaign_id=campaign, decision_id=f"dec_{len(self.requests)}", holder=("user_id", shopper),
            device_id=device, store_id=store, stores=(store,) if scoped else (), most_discount=money,
            valid_from=self.model.now, valid_until=self.model.now + timedelta(minutes=minutes), bound=bound,
        )  # fmt: skip
        self.requests.append(request)
        expected, got = self.model.issue(request), self.ledger.issue(request)
        assert (got if isinstance(got, Refusal) else None) == expected
        if isinstance(got, Coupon):
            self.model.coupons[got.coupon_id] = ModelCoupon(request, self.model.now.date())

    @precondition(lambda self: self.model.coupons)
    @rule(data=st.data())
    def issue_again(self, data) -> None:
        coupon_id = data.draw(st.sampled_from(list(self.model.coupons)))
        again = self.ledger.issue(
            replace(self.model.coupons[coupon_id].request, valid_until=self.model.now + timedelta(days=90))
        )
        assert isinstance(again, Coupon)
        assert again.coupon_id == coupon_id

    @precondition(lambda self: self.model.coupons)
    @rule(data=st.data(), store=st.sampled_from(STORES), shopper=st.sampled_from((*SHOPPERS, None)))
    def reserve(self, data, store, shopper) -> None:
        chosen = data.draw(st.lists(st.sampled_from(list(self.model.coupons)), min_size=1, max_size=2, unique=True))
        most = {one: self.model.coupons[one].request.most_discount for one in chosen}
        quotes = tuple(Quote(one, data.draw(st.integers(0, most[one]))) for one in chosen)
        who = None if shopper is None else ("user_id", shopper)
        request = ReserveRequest(quotes=quotes, currency="EUR", store_id=store, shopper=who)
        expected = self.model.reserve(quotes, store, shopper)
        done = self._try(lambda: self.ledger.reserve(request), expected)
        if done is not None:
            self.model.reserved(done.reservation_id, quotes, store)

    @precondition(lambda self: self.model.reservations)
    @rule(data=st.data())
    def redeem(self, data) -> None:
        name = data.draw(st.sampled_from(list(self.model.reservations)))
        expected = self.model.redeem(name)
        done = self._try(lambda: self.ledger.redeem(name, "order"), expected)
        if done is not None:
            self.model.redeemed(name, {use.coupon_id: use.redemption_id for use in done})

    @precondition(lambda self: self.model.reservations)
    @rule(data=st.data())
    def release(self, data) -> None:
        name = data.draw(st.sampled_from(list(self.model.reservations)))
        self._try(lambda: self.ledger.release(name), self.model.release(name))

    @precondition(lambda self: self.model.uses)
    @rule(data=st.data(), amount=st.none() | st.integers(1, 60), reissue=st.booleans())
    def roll_back(self, data, amount, reissue) -> None:
        name = data.draw(st.sampled_from(list(self.model.uses)))
        expected = self.model.roll_back(name, amount, reissue=reissue)
        self._try(lambda: self.ledger.roll_back(name, amount, reissue=reissue), expected)

    @rule(minutes=st.sampled_from([1, 14, 20, 40, 600, 1500, 9000]))
    def wait(self, minutes) -> None:
        self.model.now += timedelta(minutes=minutes)

    @rule()
    def expire(self) -> None:
        assert self.ledger.expire_due() == self.model.expire()

    @rule(campaign=st.sampled_from(list(CAMPAIGNS)), state=st.sampled_from(["open", "open", "closed", "killed"]))
    def change_state(self, campaign, state) -> None:
        self.state(replace(self.model.allowances[campaign], state=state))

    @rule(campaign=st.sampled_from(list(CAMPAIGNS)), caps=st.sampled_from([(), (Cap(3, "month", "shopper"),)]))
    def change_caps(self, campaign, caps) -> None:
        self.state(replace(self.model.allowances[campaign], caps=caps))

    @rule(pair=st.permutations(SHOPPERS))
    def merge(self, pair) -> None:
        merged = self.people.merge([("user_id", pair[0]), ("user_id", pair[1])], "same", self.model.now)
        if merged.merge_number is not None:
            self.merges.append((merged.merge_number, set(pair[:2])))
        self._regroup()

    @precondition(lambda self: self.merges)
    @rule()
    def unmerge(self) -> None:
        self.people.unmerge(self.merges.pop()[0], "not the same", self.model.now)
        self._regroup()

    def _regroup(self) -> None:
        groups: list[set[str]] = []
        for _, pair in self.merges:
            touching = [group for group in groups if group & pair]
            groups = [group for group in groups if not group & pair] + [pair.union(*touching)]
        self.model.groups = groups

    def _try(self, call: Callable, expected: Refusal | None):
        try:
            done, reason = call(), None
        except CouponRefused as refused:
            done, reason = None, refused.reason
        assert reason == expected
        return done

    @invariant()
    def balances_are_the_model_s(self) -> None:
        for campaign in CAMPAIGNS:
            live = {key: one for key, one in self.ledger.balances(campaign).items() if one != Balance()}
            assert live == self.model.balances(campaign, lambda who: digest_of(SECRET, who))

    def teardown(self) -> None:
        before = {campaign: self.ledger.balances(campaign) for campaign in CAMPAIGNS}
        assert self.ledger.verify() == []
        assert self.ledger.overruns() == []
        self.ledger.rebuild()
        for campaign, kept in before.items():
            rebuilt = self.ledger.balances(campaign)
            assert rebuilt == {key: one for key, one in kept.items() if one != Balance()}


def test_the_ledger_does_what_the_model_does(engine: Engine) -> None:
    machine = type("LedgerMachine", (LedgerMachine,), {"engine": engine})
    few = settings(
        max_examples=12, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
    )
    run_state_machine_as_test(machine, settings=few)
