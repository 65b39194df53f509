"""Several offers are written in one transaction; what undoes one leaves the others."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from features.audit import SYSTEM
from features.ledger.books import Books
from features.ledger.issuing import coupon_to_be, issue_first
from features.ledger.ledger import Ledger
from features.ledger.values import Allowance, Coupon, IssueRequest, Limit
from recommender.errors import InvalidInput, StoreUnavailable
from recommender.offers.refusal import Refusal

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def ledger(engine: Engine) -> Ledger:
    ledger = Ledger(engine, lambda: b"s" * 32, lambda: NOW)
    stated = {"version": 3, "state": "open", "timezone": "UTC", "currency": "EUR"}
    ledger.allow(Allowance(campaign_id="c", budget=Limit(count=2), **stated))  # pyright: ignore[reportArgumentType] - by name
    return ledger


def request(decision: str, coupon_id: str | None = None) -> IssueRequest:
    return IssueRequest(
        campaign_id="c", decision_id=decision, holder=("user_id", decision), device_id="phone", store_id="s1",
        stores=("s1",), most_discount=10, valid_from=NOW, valid_until=NOW + timedelta(hours=4), coupon_id=coupon_id,
    )  # fmt: skip


def issuing(decision: str) -> tuple[object, object]:
    return SYSTEM, lambda books: issue_first(books, request(decision))


def test_what_one_raises_undoes_only_that(ledger: Ledger) -> None:
    def issue_and_raise(books: Books) -> None:
        assert isinstance(issue_first(books, request("b")), Coupon)
        raise InvalidInput("no", field="x", remedy="y")

    done = ledger.do_each([issuing("a"), (SYSTEM, issue_and_raise), issuing("c"), issuing("d")])  # pyright: ignore[reportArgumentType] - of several kinds
    assert [type(one) for one in done] == [Coupon, InvalidInput, Coupon, Refusal]
    assert done[3] is Refusal.BUDGET_EXHAUSTED
    assert ledger.balances("c")["campaign", "", ""].pending_count == 2
    assert ledger.verify() == []


def test_what_the_database_refuses_undoes_all_of_them(ledger: Ledger) -> None:
    def break_it(books: Books) -> None:
        books.connection.exec_driver_sql("SELECT * FROM no_such_table")

    with pytest.raises((SQLAlchemyError, StoreUnavailable), match="no_such_table"):
        ledger.do_each([issuing("a"), (SYSTEM, break_it)])  # pyright: ignore[reportArgumentType] - of several kinds
    assert ledger.balances("c") == {}


def test_the_coupon_that_was_planned_is_the_one_that_is_issued(ledger: Ledger) -> None:
    planned = coupon_to_be(b"s" * 32, request("a", "cpn_1"), 3, "EUR")
    with ledger.writing() as books:
        assert issue_first(books, request("a", "cpn_1")) == planned
    with pytest.raises(InvalidInput, match="has a coupon"), ledger.writing() as books:
        issue_first(books, request("a", "cpn_2"))
    assert ledger.issue(request("a")) == planned
    assert ledger.verify() == []
