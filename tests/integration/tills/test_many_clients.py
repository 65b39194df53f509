"""Many clients at once on a running service with two workers: not a coupon and not a cent too much.

`make crash-tills` kills the workers, and PostgreSQL's processes, meanwhile. CRASH_SEED repeats the choices of a run,
CRASH_SECONDS says how long it lasts.
"""

import os
import random
import signal
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

import httpx
import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import OperationalError

from features.ledger.ledger import Ledger
from features.ledger.values import Allowance, Balance, Cap, Limit, SharedCode
from features.sql.engine import engine_of, migrate
from features.sql.tables.ledger import redemptions
from tests.conftest import postgresql
from tests.integration.serve.service import Service, eventually, serving

CLIENTS = 64 if "CRASH_SECONDS" in os.environ else 24
SECONDS = float(os.environ.get("CRASH_SECONDS", "0"))
SEED = int(os.environ.get("CRASH_SEED", random.SystemRandom().randrange(10**6)))
TERMS = {"title": "A fifth off", "discount": {"kind": "percent", "percent": 20, "max_discount": 90}}
BASKET = {"currency": "EUR", "lines": [{"item_id": "i1", "quantity": 1, "amount": 300}]}  # 60 off
BUDGETS = {"COUNT": (Limit(20, None), 20), "MONEY": (Limit(None, 1000), 16)}  # a 17th may cost 90, and 40 are left


def opened(ledger: Ledger, code: str, budget: Limit) -> None:
    """A campaign with one code for all, once for each shopper."""
    now = datetime.now(UTC)
    shared = SharedCode(code=code, most_discount=90, valid_from=now, valid_until=now + timedelta(days=1))
    ledger.allow(
        Allowance(
            campaign_id="all", version=1, state="open", timezone="UTC", currency="EUR", budget=budget, terms=TERMS,
            caps=(Cap(1, "campaign", "shopper"),), shared=shared,
        )
    )  # fmt: skip


def until_told(client: httpx.Client, path: str, body: object, key: str) -> httpx.Response:
    """As a till does it: the same call again until it is told what became of it."""

    def ask() -> httpx.Response | None:
        answer = client.post(path, json=body, headers={"idempotency-key": key})
        return None if "retry-after" in answer.headers else answer

    return eventually(ask, 60)


def use(client: httpx.Client, code: str, shopper: str) -> httpx.Response:
    body = {"coupons": [code], "store_id": "s1", "basket": BASKET, "order_id": shopper}
    return until_told(client, "/v1/redemptions", body | {"shopper": {"kind": "user_id", "value": shopper}}, shopper)


@pytest.mark.parametrize(
    ("database_url", "code"),
    [(url, code) for url in ("sqlite", "postgresql") for code in BUDGETS] if SECONDS else [("postgresql", "COUNT")],
    indirect=["database_url"],
)
def test_one_budget_is_drained_and_not_overdrawn(tmp_path: Path, database_url: str, code: str) -> None:
    engine = engine_of(database_url)
    ledger, (budget, n_used) = Ledger(engine, lambda: b"s" * 32, lambda: datetime.now(UTC)), BUDGETS[code]
    opened(ledger, code, budget)
    with serving(tmp_path, "serving.app:create_app", RECOMMENDER_WORKERS="2", **named(database_url)) as service:
        with ThreadPoolExecutor(CLIENTS) as clients, httpx.Client(base_url=service.base, timeout=60) as client:
            told = list(clients.map(lambda number: use(client, code, f"u{number}"), range(CLIENTS)))
            replayed = use(client, code, "u0")
        service.stop()
    assert Counter((one.status_code, one.json().get("code")) for one in told) == {
        (201, None): n_used,
        (409, "budget_exhausted"): CLIENTS - n_used,
    }
    assert replayed.content == told[0].content or told[0].status_code == 409
    assert ledger.verify() == ledger.overruns() == []
    assert ledger.balances("all")["campaign", "", ""] == Balance(0, n_used, 0, 60 * n_used)
    engine.dispose()


def named(database_url: str) -> dict[str, str]:
    return {} if database_url.startswith("sqlite") else {"DATABASE_URL": database_url}


class Till(Thread):
    """Lets one shopper after another use the code, and takes every fifth use back, until stopped."""

    def __init__(self, base: str, number: int, stop: Event) -> None:
        super().__init__(daemon=True)
        self._base, self._number, self._stop_now = base, number, stop
        self.used, self.taken_back, self.refused = set[str](), set[str](), Counter[str]()

    def run(self) -> None:
        with httpx.Client(base_url=self._base, timeout=20) as client:
            for visit in count():
                if self._stop_now.is_set():
                    return
                answer = use(client, "CRASH", f"u{self._number}-{visit}")
                if answer.status_code != 201:
                    self.refused[answer.json()["code"]] += 1
                    continue
                [redemption] = answer.json()["redemptions"]
                self.used.add(redemption["redemption_id"])
                if visit % 5 == 0:
                    path = f"/v1/redemptions/{redemption['redemption_id']}/rollback"
                    assert until_told(client, path, {}, "back").status_code == 200
                    self.taken_back.add(redemption["redemption_id"])


@pytest.mark.skipif(not SECONDS or sys.platform != "linux", reason="make crash-tills; finds processes by /proc")
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_what_a_till_was_told_has_happened_whatever_is_killed(tmp_path: Path, database: str) -> None:
    print(f"CRASH_SEED={SEED} CRASH_SECONDS={SECONDS:g}")  # noqa: T201 - to run it again
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path / 'recommender.sqlite'}"
        if database == "postgresql":
            url = stack.enter_context(postgresql())("postgres")
        engine = engine_of(url)
        stack.callback(engine.dispose)
        migrate(engine)
        ledger = Ledger(engine, lambda: b"s" * 32, lambda: datetime.now(UTC))
        opened(ledger, "CRASH", Limit(None, 10**9))
        service = stack.enter_context(
            serving(tmp_path, "serving.app:create_app", RECOMMENDER_WORKERS="2", **named(url))
        )  # fmt: skip
        stop = Event()
        tills = [Till(service.base, number, stop) for number in range(8)]
        for till in tills:
            till.start()
        killed = kill_at_random(service, engine, random.Random(SEED))
        stop.set()
        for till in tills:
            till.join()
        used, taken_back = (set[str]().union(*(getattr(till, of) for till in tills)) for of in ("used", "taken_back"))
        print(f"{database}: {len(used)} used, {len(taken_back)} taken back, killed {dict(killed)}")  # noqa: T201
        assert not sum((till.refused for till in tills), Counter[str]())
        with engine.connect() as connection:
            states = connection.execute(select(redemptions.c.redemption_id, redemptions.c.state))
            kept = dict(states.all())
        assert kept == {one: "rolled_back" if one in taken_back else "posted" for one in used}
        assert ledger.verify() == ledger.overruns() == []


def kill_at_random(service: Service, engine: Engine, choice: random.Random) -> Counter[str]:
    """Kill a worker, or a process of PostgreSQL (all of which end then, and recover), now and then."""
    killed, end = Counter[str](), monotonic() + SECONDS
    while monotonic() < end:
        eventually(lambda: service.client.get("/readyz").status_code != 500, 60)  # some worker answers again
        sleep(choice.uniform(0.5, 4))
        if engine.dialect.name == "postgresql" and choice.random() < 0.5:
            backends = text("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' ORDER BY pid")
            with suppress(OperationalError, ProcessLookupError), engine.connect() as connection:
                os.kill(choice.choice(connection.execute(backends).scalars().all()), signal.SIGKILL)
                killed["database"] += 1
        elif workers := service.children("serving.worker"):
            os.kill(choice.choice(workers), signal.SIGKILL)
            killed["worker"] += 1
    return killed
