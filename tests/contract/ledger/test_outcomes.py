"""What training reads of the ledger: each coupon that somebody was offered, once, as it stands."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from features.ledger.holders import digest_of
from features.ledger.ledger import Ledger
from features.ledger.outcomes import read_outcomes
from features.ledger.shared_codes import claim
from features.ledger.values import Allowance, Coupon, IssueRequest, Quote, Redemption, ReserveRequest, SharedCode
from features.sql.engine import reading

START, SECRET = datetime(2026, 11, 1, tzinfo=UTC), b"s" * 32
START_DAY, NEVER = START.timestamp() / 86_400, float("inf")
SHARED = SharedCode(code="ALL", most_discount=10, valid_from=START, valid_until=START + timedelta(days=9))


def test_a_coupon_stands_with_its_last_use_and_when_that_was_taken_back(engine: Engine) -> None:
    now = START
    ledger = Ledger(engine, lambda: SECRET, lambda: now)
    ledger.allow(
        Allowance(campaign_id="c", version=1, state="open", timezone="UTC", currency="EUR", terms={}, shared=SHARED)
    )

    def issue(user: str) -> Coupon:
        until = START + timedelta(days=8)
        coupon = ledger.issue(
            IssueRequest(campaign_id="c", decision_id=user, holder=("user_id", user), store_id="s1", most_discount=10,
                         valid_from=START, valid_until=until)
        )  # fmt: skip
        assert isinstance(coupon, Coupon)
        return coupon

    def use(coupon_id: str) -> Redemption:
        request = ReserveRequest(quotes=(Quote(coupon_id, 10),), currency="EUR", store_id="s1")
        return ledger.redeem(ledger.reserve(request).reservation_id, "o")[0]

    twice, part, unused = (issue(user) for user in ("ann", "bob", "cid"))
    with ledger.writing() as books:
        shared = claim(books, "c", "s1", ("user_id", "dan"))
    assert isinstance(shared, str)
    use(shared)
    first = use(twice.coupon_id)
    now = START + timedelta(days=1)
    ledger.roll_back(first.redemption_id, reissue=True)
    assert days_of(engine, twice) == (START_DAY, START_DAY + 8, START_DAY, START_DAY + 1)
    now = START + timedelta(days=2)
    use(twice.coupon_id)
    ledger.roll_back(use(part.coupon_id).redemption_id, amount=4)
    assert days_of(engine, twice) == (START_DAY, START_DAY + 8, START_DAY + 2, NEVER)
    assert days_of(engine, part) == (START_DAY, START_DAY + 8, START_DAY + 2, NEVER)
    assert days_of(engine, unused) == (START_DAY, START_DAY + 8, NEVER, NEVER)
    with reading(engine) as connection:
        outcomes = read_outcomes(connection)
    assert set(outcomes["shopper"]) == {digest_of(SECRET, ("user_id", user)) for user in ("ann", "bob", "cid")}
    assert set(outcomes["store_id"]) == {"s1"}


def days_of(engine: Engine, coupon: Coupon) -> tuple[float, ...]:
    with reading(engine) as connection:
        found = {row[0]: row[4:] for row in read_outcomes(connection).iter_rows()}
    return found[coupon.coupon_id]
