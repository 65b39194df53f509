"""Killed with SIGKILL at every step of every call of a till: what was done is there whole or not at all.

The step after the last statement lies between the commit and the reply: there the call has happened, and the till does
not know. Repeated with the same key, it ends in exactly one effect either way.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from features.ledger.ledger import Ledger
from features.ledger.values import Allowance, Limit
from features.sql.engine import engine_of, migrate
from features.sql.tables.ledger import coupons, idempotency_keys, ledger_entries, redemptions, reservations
from recommender.errors import StoreUnavailable
from tests.conftest import postgresql
from tests.integration.lives import answering
from tests.integration.serve.service import eventually
from tests.integration.tills.dying_app import NOW, SECRET, STEP, STEPS, VICTIM, warm_application

ALLOWANCE = Allowance(
    campaign_id="fifth", version=1, state="open", timezone="UTC", currency="EUR", budget=Limit(10_000, 900_000),
    per_day=Limit(10_000, None), per_store=Limit(10_000, None),
    terms={"title": "A fifth off", "discount": {"kind": "percent", "percent": 20, "max_discount": 90}},
)  # fmt: skip
OFTEN = "CRASH_SECONDS" in os.environ  # `make crash-tills`: at every step of every call; else of a redemption on SQLite
NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class State:
    """All that the database has of one coupon."""

    coupon: str = "none"
    held: bool = False
    entries: tuple[str, ...] = ()
    reservations: tuple[str, ...] = ()
    used: tuple[tuple[str, int, int], ...] = ()  # state, amount, rolled back
    answers: int = 0  # kept to be repeated


class Till:
    """One coupon after another, each brought to where a call begins."""

    def __init__(self, api: httpx.Client, engine: Engine) -> None:
        self.api, self.engine, self.name = api, engine, ""
        self.ledger = Ledger(engine, lambda: SECRET, lambda: NOW)
        self.code = ""

    def call(self, path: str, body: object, key: str = "", **headers: str) -> httpx.Response | None:
        """The answer; None if the service died of the call. Without a body it is a DELETE."""
        method, headers = "POST" if body is not None else "DELETE", headers | {"idempotency-key": f"{self.name}-{key}"}
        try:
            return self.api.request(method, path, json=body, headers=headers)
        except httpx.TransportError:
            return None

    def done(self, path: str, body: object, key: str) -> dict[str, Any]:
        answer = self.call(path, body, key)
        assert answer is not None
        assert answer.is_success, answer.text
        return answer.json()

    def asked(self, **more: str) -> dict[str, Any]:
        basket = {"currency": "EUR", "ref": self.name, "lines": [{"item_id": "i1", "quantity": 1, "amount": 300}]}
        return {"coupons": [self.code], "store_id": "s1", "basket": basket} | more

    def issue(self) -> tuple[str, object]:
        self.name = f"d{next(NUMBERS)}"
        return f"/issue/{self.name}", {}

    def reserve(self) -> tuple[str, object]:
        self.code = self.done(*self.issue(), "issue")["code"]
        return "/v1/reservations", self.asked()

    def redeem(self) -> tuple[str, object]:
        made = self.done(*self.reserve(), "reserve")
        return f"/v1/reservations/{made['reservation_id']}/redeem", {"order_id": "o"}

    def redeem_now(self) -> tuple[str, object]:
        self.reserve()
        return "/v1/redemptions", self.asked(order_id="o")

    def release(self) -> tuple[str, object]:
        made = self.done(*self.reserve(), "reserve")
        return f"/v1/reservations/{made['reservation_id']}", None

    def roll_back(self) -> tuple[str, object]:
        [used] = self.done(*self.redeem_now(), "use")["redemptions"]
        return f"/v1/redemptions/{used['redemption_id']}/rollback", {"amount": 25}

    def state(self) -> State:
        with self.engine.connect() as connection:
            row = connection.execute(select(coupons).where(coupons.c.decision_id == self.name)).one_or_none()
            answers = select(idempotency_keys.c.key).where(idempotency_keys.c.key == f"{self.name}-call")
            claims = select(reservations.c.state).where(reservations.c.basket_ref == self.name)
            mine = "" if row is None else row.coupon_id
            entries = select(ledger_entries.c.kind).where(ledger_entries.c.coupon_id == mine)
            use = redemptions.c
            uses = select(use.state, use.amount, use.rolled_back).where(use.coupon_id == mine)
            return State(
                "none" if row is None else row.state,
                row is not None and row.hold_number is not None,
                tuple(connection.execute(entries.order_by(ledger_entries.c.entry_number)).scalars()),
                tuple(connection.execute(claims).scalars()),
                tuple((one.state, one.amount, one.rolled_back) for one in connection.execute(uses)),
                len(connection.execute(answers).all()),
            )


USED = State("redeemed", False, ("hold", "post"), ("redeemed",), (("posted", 60, 0),), 1)
DONE = {
    "issue": State("issued", True, ("hold",)),
    "reserve": State("reserved", True, ("hold",), ("open",), answers=1),
    "redeem": USED,
    "redeem_now": USED,
    "release": State("issued", True, ("hold",), ("released",)),
    "roll_back": State("redeemed", False, ("hold", "post", "rollback"), ("redeemed",), (("posted", 60, 25),), 1),
}


@pytest.fixture(scope="module")
def lasting_url() -> Iterator[str]:
    """A PostgreSQL whose commits outlive a crash."""
    with postgresql() as url_of:
        yield url_of("postgres")


@pytest.fixture
def till(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Till]:
    url = request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "lasting_url"}[request.param])
    engine = engine_of(url)
    Ledger(engine, lambda: SECRET, lambda: NOW).allow(ALLOWANCE)
    with answering(tmp_path, warm_application, url) as api:
        yield Till(api, engine)
    engine.dispose()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'recommender.sqlite'}"
    engine = engine_of(url)
    migrate(engine)
    engine.dispose()
    return url


@pytest.mark.parametrize("till", ["sqlite", "postgresql"], indirect=True)
def test_the_service_is_killed(till: Till) -> None:
    for name in DONE:
        steps = count_steps(till, name)
        is_all = OFTEN or (name == "redeem_now" and till.engine.dialect.name == "sqlite")
        some = (*range(1, steps - 1, 6), steps - 1, steps) if name == "redeem_now" else (steps - 1, steps)
        kill_at_each(till, name, range(1, steps + 1) if is_all else some, "api")


@pytest.mark.parametrize("till", ["postgresql"], indirect=True)
def test_the_database_is_killed(till: Till) -> None:
    for name in DONE if OFTEN else ["redeem_now"]:
        steps = count_steps(till, name)
        kill_at_each(till, name, range(1, steps + 1) if OFTEN else (steps // 2, steps - 1, steps), "database")


def kill_at_each(till: Till, name: str, steps: Iterable[int], victim: str) -> None:
    found = Counter(kill_at(till, name, step, victim) for step in steps)
    if OFTEN:
        print(f"{victim} killed in {name}: {dict(found)}")  # noqa: T201 - what `make crash-tills` has to say
    assert found.keys() == {"nothing", "whole"}


def count_steps(till: Till, name: str) -> int:
    answer = till.call(*getattr(till, name)(), "call")
    assert answer is not None
    assert till.state() == DONE[name]
    return int(answer.headers[STEPS])


def kill_at(till: Till, name: str, step: int, victim: str) -> str:
    """Returns what was there of the call when its victim was dead."""
    path, body = getattr(till, name)()
    before = till.state()
    answer = till.call(path, body, "call", **{STEP: str(step), VICTIM: victim})
    now = patiently(till.state)
    assert now in {before, DONE[name]}, step
    if answer is None:
        assert victim == "api"
    elif answer.is_success:
        assert now == DONE[name], "what is acknowledged has happened"
    else:
        assert (answer.status_code, answer.headers["retry-after"], now) == (503, "1", before), answer.text
    assert patiently(till.ledger.verify) == []
    again = repeated(till, path, body)
    assert again.is_success, again.text
    assert till.state() == DONE[name], step
    if DONE[name].answers:
        assert ("idempotent-replayed" in again.headers) == (now == DONE[name])
    return "whole" if now == DONE[name] else "nothing"


def repeated(till: Till, path: str, body: object) -> httpx.Response:
    """As a till does it: again, for as long as it is told to."""

    def ask() -> httpx.Response | None:
        answer = till.call(path, body, "call")
        assert answer is not None
        return None if "retry-after" in answer.headers else answer

    return eventually(ask)


def patiently(read: Callable[[], Any]) -> Any:
    """What is read, once the database is there again."""
    end = monotonic() + 30
    while True:
        try:
            return read()
        except (OperationalError, StoreUnavailable):
            assert monotonic() < end
            sleep(0.02)
