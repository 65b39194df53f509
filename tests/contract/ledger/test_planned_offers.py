"""An offer that was decided waits for its turn to be written; what happened meanwhile is found then."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy import Engine

from features.audit import SYSTEM
from features.contacts import person_of, read_contacts
from features.ledger.idempotency import Call
from features.ledger.issuing import coupon_to_be
from features.ledger.ledger import Ledger
from features.ledger.values import Allowance, IssueRequest
from features.sql.consent_store import ConsentStore
from features.sql.engine import read_change_number, reading, writing
from recommender.consent import IN_STORE_LOCATION, PERSONALISATION, State
from recommender.ids import UserId
from recommender.offers.fatigue import About
from serving.offers.asks import Ask, Subject
from serving.offers.drawing import Offered
from serving.offers.settling import Made, Planned, Remembered, Taken, Withdrawn
from tests.builders import said

SECRET = b"s" * 32
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ANN = ("user_id", "ann")


class Waiting:
    """An offer to Ann that was decided and not written yet."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.clock = engine, NOW
        self.ledger = Ledger(engine, lambda: SECRET, lambda: self.clock)
        self.ledger.allow(Allowance(campaign_id="c", version=1, state="open", timezone="UTC", currency="EUR"))
        with reading(engine) as connection:
            self.judged_at = read_change_number(connection)
            self.person = person_of(connection, SECRET, ANN, "phone")

    def write(self) -> object:
        request = IssueRequest(
            campaign_id="c", decision_id="off_1", holder=ANN, device_id="phone", store_id="s", stores=("s",),
            most_discount=10, valid_from=NOW, valid_until=NOW + timedelta(hours=4), coupon_id="cpn_1",
        )  # fmt: skip
        # Of an offer and its call only what is written of them counts here.
        arm = SimpleNamespace(about=About(channel="in_aisle", campaign_id="c"))
        offered = cast("Offered", SimpleNamespace(arm=arm))
        made = [Made("off_1", offered, request, coupon_to_be(SECRET, request, 1, "EUR"), "token")]
        subject = Subject(user_id=UserId("ann"), anonymous_id=None, device_id="phone")
        ask = cast("Ask", SimpleNamespace(call=Call("a", "/p", "key", "d" * 64), subject=subject))
        known = Remembered(None, self.person, [], {}, lambda _coupon, _terms: "token")
        [done] = self.ledger.do_each([(SYSTEM, Planned(ask, NOW, known, made, b"{}", self.judged_at).write)])
        return done

    @property
    def left_behind(self) -> tuple[int, int]:
        """Coupons and contacts of Ann."""
        with reading(self.engine) as connection:
            return len(self.ledger.wallet(ANN)), len(read_contacts(connection, self.person, NOW))


@pytest.mark.parametrize("purpose", [PERSONALISATION, IN_STORE_LOCATION])
def test_who_took_consent_back_meanwhile_gets_no_coupon(engine: Engine, purpose: str) -> None:
    waiting = Waiting(engine)
    ConsentStore(engine).append([said("ann", State.WITHDRAWN, NOW, purpose=purpose)])
    assert isinstance(waiting.write(), Withdrawn)
    assert waiting.left_behind == (0, 0)


def test_what_others_changed_meanwhile_takes_nothing_away(engine: Engine) -> None:
    waiting = Waiting(engine)
    ConsentStore(engine).append([said("bob", State.WITHDRAWN, NOW), said("ann", State.GRANTED, NOW)])
    with writing(engine):
        pass  # as a change of stock does
    waiting.write()
    assert waiting.left_behind == (1, 1)


def test_an_offer_that_ended_while_it_waited_is_no_fault_of_the_caller(engine: Engine) -> None:
    waiting = Waiting(engine)
    waiting.clock = NOW + timedelta(hours=4)
    assert isinstance(waiting.write(), Taken)
    assert waiting.left_behind == (0, 0)
