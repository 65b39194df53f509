"""`make bench-tills`: coupons issued, reserved and redeemed per second over HTTP, each on disk when answered.

Codes that many may use, shown by 64 clients to a service with two workers: a call issues a coupon under the budgets of
its campaign, reserves and redeems it. Uses of one campaign follow one another; those of twenty need not (on PostgreSQL;
SQLite has one writer). Beside it a FastAPI POST that does nothing, on one worker. In the end a budget is drained.
"""

import sys
import tempfile
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import median

import orjson
import uvloop
from rich.console import Console
from rich.table import Table

from features.ledger.ledger import Ledger
from features.ledger.values import Allowance, Cap, Limit, SharedCode
from features.sql.engine import engine_of, migrate
from loadtests.bench import free_port, running
from loadtests.generator import Outcome, post, saturate
from tests.conftest import postgresql

SECONDS, ROUNDS, CLIENTS, WORKERS = 5.0, 3, 64, 2
MOST = 20_000  # calls of one round
LEFT = 100  # coupons of the budget that is drained
NUMBERS = count()
TERMS = {"title": "A fifth off", "discount": {"kind": "percent", "percent": 20, "max_discount": 90}}
LINES = [{"item_id": f"i{number}", "quantity": 1, "amount": 300} for number in range(10)]


def allow(ledger: Ledger, number: int, budget: Limit) -> None:
    """Open campaign `number`, with a cap by shopper."""
    now = datetime.now(UTC)
    shared = SharedCode(code=f"CODE-{number}", most_discount=90, valid_from=now, valid_until=now + timedelta(days=1))
    ledger.allow(
        Allowance(
            campaign_id=f"c{number}", version=1, state="open", timezone="UTC", currency="EUR", budget=budget,
            caps=(Cap(3, "day", "shopper"),), terms=TERMS, shared=shared,
        )
    )  # fmt: skip


def uses(campaigns: int) -> list[bytes]:
    """Calls of shoppers who come once, over so many campaigns."""
    calls: list[bytes] = []
    for number in range(MOST):
        name = f"u{next(NUMBERS)}"
        body = {
            "coupons": [f"CODE-{number % campaigns}"], "store_id": f"s{number % 50}", "order_id": name,
            "basket": {"currency": "EUR", "lines": LINES}, "shopper": {"kind": "user_id", "value": name},
        }  # fmt: skip
        calls.append(post("/v1/redemptions", orjson.dumps(body), f"Idempotency-Key: {name}\r\n"))
    return calls


def measure(port: int, calls: list[bytes], seconds: float = SECONDS) -> Outcome:
    """What came of it; a call that is refused counts as a failure."""
    return uvloop.run(saturate("127.0.0.1", port, calls, seconds=seconds, connections=CLIENTS))


def used(ledger: Ledger, number: int) -> int:
    """Coupons that were redeemed of a campaign."""
    return ledger.balances(f"c{number}")["campaign", "", ""].posted_count


def main() -> None:
    """Run everything and print the tables."""
    console, bare_port = Console(), free_port()
    table = Table("", "one campaign, coupons/s", "p99 ms", "twenty campaigns, coupons/s", "p99 ms", "drained", box=None)
    bare = [sys.executable, "-m", "uvicorn", "loadtests.bare:app", "--port", str(bare_port), "--no-access-log"]
    with running(bare, bare_port, "/docs", {}):
        nothing = [
            measure(
                bare_port, [post("/bare", orjson.dumps({"placement": "home", "limit": 12, "user_id": "1"}))], 2.0
            ).per_second
            for _ in range(ROUNDS)
        ]
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary, postgresql() as url_of:
        urls = {"SQLite": f"sqlite:///{temporary}/SQLite/recommender.sqlite", "PostgreSQL": url_of("postgres")}
        for name, url in urls.items():
            folder = Path(temporary, name)
            folder.mkdir()
            table.add_row(name, *measured(url, folder))
    console.print(table)
    console.print(f"a FastAPI POST that does nothing, one worker: {median(nothing):,.0f}/s")


def measured(url: str, folder: Path) -> list[str]:
    """The cells of a database, with an empty data folder; raises AssertionError where its books do not balance."""
    engine = engine_of(url)
    migrate(engine)
    ledger = Ledger(engine, lambda: b"s" * 32, lambda: datetime.now(UTC))
    for number in range(20):
        allow(ledger, number, Limit(10**9, 10**12))
    cells, port = list[str](), free_port()
    environment = {"RECOMMENDER_DATA_DIR": str(folder), "RECOMMENDER_WORKERS": str(WORKERS)}
    if not url.startswith("sqlite"):
        environment["DATABASE_URL"] = url
    serve = [sys.executable, "-m", "recommender", "serve", "--port", str(port)]
    with running(serve, port, "/healthz", environment):
        measure(port, uses(20), 3.0)
        for campaigns in (1, 20):
            rounds = [measure(port, uses(campaigns)) for _ in range(ROUNDS)]
            rates = [outcome.per_second for outcome in rounds]
            cells.append(f"{median(rates):,.0f} [{min(rates):,.0f}-{max(rates):,.0f}]")
            cells.append(f"{median(outcome.percentile(99) for outcome in rounds):.0f}")
            assert not any(outcome.failures for outcome in rounds), [one.first_failure for one in rounds]
        before = used(ledger, 0)
        allow(ledger, 0, Limit(before + LEFT, None))
        measure(port, uses(1), 4.0)
        drained = used(ledger, 0) - before
        cells.append(f"{drained} of {LEFT} left, {max(0, drained - LEFT)} too many")
    assert ledger.verify() == ledger.overruns() == []
    engine.dispose()
    return cells


if __name__ == "__main__":
    main()
