"""One run of a profile on a service of its own, and what was seen of it."""

import asyncio
import random
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import monotonic, perf_counter, sleep

import orjson

from features.identity import read_secret
from features.ledger.ledger import Ledger
from features.ledger.values import Limit
from features.settings import Settings
from features.sql.engine import migrate, open_engine
from loadtests import mail, offers, tills
from loadtests.answering import workers_by_artifact
from loadtests.arrivals import Answers, arrive
from loadtests.bench import copy_of, free_port, running
from loadtests.generator import connect, post, saturate
from loadtests.machine import Machine, look
from loadtests.profiles import Profile, Running
from loadtests.traffic import MIX, Basket, Mix, Traffic, logins
from serving.process_metrics import Vital, family_of

SAMPLE_SECONDS = 1.0
WARM_UP_SECONDS, WARM_UP_RATE = 6.0, 100.0
MOST_SECONDS, MOST_CALLS = 6.0, 6_000
FIRST_CALLS, REST_SECONDS = 100, 0.1
READY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """A look at the processes and at their machine, `at` seconds after the load began."""

    at: float
    vitals: dict[str, Vital]
    machine: Machine


@dataclass(slots=True)
class Run:
    """What came of a profile.

    Attributes:
        per_second: the rate asked for.
        most: calls a second that the service could do with the same traffic just before; None: not measured.
        most_after: the same just after, where it was measured before: by then the machine may be another.
        most_new: the same of a service begun after that on the same data: less after than of a new one, and it is the
            service that aged.
        starts: cold starts: milliseconds of each of the first calls, a list a start.
    """

    profile: str
    what: str
    per_second: float
    seconds: float
    workers: int
    most: float | None = None
    most_after: float | None = None
    most_new: float | None = None
    answers: Answers = field(default_factory=Answers)
    samples: list[Sample] = field(default_factory=list[Sample])
    starts: list[list[float]] = field(default_factory=list[list[float]])


@contextmanager
def service_of(data_dir: Path, workers: int) -> Generator[Running]:
    """A service whose workers are all ready, on a data folder."""
    port = free_port()
    serve = [sys.executable, "-m", "recommender", "serve", "--workers", str(workers), "--port", str(port)]
    environment = {"RECOMMENDER_DATA_DIR": str(data_dir), "RECOMMENDER_LOG_LEVEL": "error"}
    if (data_dir / "config").exists():
        environment["RECOMMENDER_CONFIG_DIR"] = str(data_dir / "config")
    with running(serve, port, "/readyz", environment) as server:
        _wait_for_all(port, workers)
        yield Running(data_dir, server.process.pid, port, workers)


@contextmanager
def shop_of(settings: Settings, baskets: Sequence[Basket]) -> Generator[Path]:
    """A copy of the data folder in which all callers have something to call for: campaigns, consents, a coupon."""
    with copy_of(settings) as apart:
        offers.set_up(apart)
        mail.agree(apart, sorted({basket.user_id for basket in baskets}))
        own = Settings(data_dir=apart)
        engine = open_engine(own)
        migrate(engine)
        tills.allow(Ledger(engine, partial(read_secret, own), lambda: datetime.now(UTC)), 0, Limit(10**9, 10**12))
        engine.dispose()
        yield apart


async def load(
    run: Run, profile: Profile, service: Running, baskets: Sequence[Basket], hours: list[float], mix: Mix = MIX
) -> None:
    """Load a service that is ready; without a rate, measure first how much it can do.

    All shoppers have come before: else the first minutes would be of first logins alone, and every later one faster.
    """
    await _log_in(service, baskets)
    await _warm_up(service, baskets, min(WARM_UP_SECONDS, run.seconds), mix)
    if run.per_second == 0.0:
        run.most = await most_of(service, baskets, mix)
        run.per_second = profile.share_of_most * run.most
    rate, traffic = profile.rate(run.per_second, run.seconds, hours), Traffic(baskets, _new_name(), mix=mix)
    looking = asyncio.create_task(_look(run.samples, service))
    disturbing = asyncio.create_task(profile.disturb(service, run.seconds)) if profile.disturb else None
    run.answers = await arrive("127.0.0.1", service.port, traffic, rate, run.seconds)
    looking.cancel()
    if disturbing is not None:
        await disturbing
    if run.most is not None:
        run.most_after = await most_of(service, baskets, mix)


async def load_new(run: Run, service: Running, baskets: Sequence[Basket], mix: Mix = MIX) -> None:
    """Measure what a service can do that is new, on the data of the one that was loaded."""
    await _warm_up(service, baskets, WARM_UP_SECONDS, mix)
    run.most_new = await most_of(service, baskets, mix)


async def most_of(service: Running, baskets: Sequence[Basket], mix: Mix) -> float:
    """How many calls a second it answers when all connections are kept busy."""
    calls = [call.encoded() for call, _ in zip(Traffic(baskets, _new_name(), mix=mix), range(MOST_CALLS), strict=False)]
    return (await saturate("127.0.0.1", service.port, calls, seconds=MOST_SECONDS)).per_second


async def first_calls(service: Running, baskets: Sequence[Basket]) -> list[float]:
    """Milliseconds of each of the first recommendations of a service that is just ready.

    There is the same rest before each: after one, the caches of the processor hold something else, and an answer takes
    longer whether it is the first or the thousandth.
    """
    users = random.Random(service.port).choices([basket.user_id for basket in baskets], k=FIRST_CALLS)
    [connection] = await connect("127.0.0.1", service.port, 1)
    took = list[float]()
    for user in users:
        request = post("/v1/recommendations", orjson.dumps({"placement": "home", "limit": 12, "user_id": user}))
        await asyncio.sleep(REST_SECONDS)
        started = perf_counter()
        answer = await connection.send(request)
        took.append(1000 * (perf_counter() - started))
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer[:2000].decode(errors="replace"))
    connection.close()
    return took


def _wait_for_all(port: int, workers: int) -> None:
    """Wait until every worker answers from an artifact; raises TimeoutError."""
    until = monotonic() + READY_SECONDS
    while sum(workers_by_artifact(port).values()) < workers:
        if monotonic() > until:
            raise TimeoutError(f"not all of {workers} workers were ready within {READY_SECONDS:g} s")
        sleep(0.1)


async def _log_in(service: Running, baskets: Sequence[Basket]) -> None:
    [connection] = await connect("127.0.0.1", service.port, 1)
    for call in logins(baskets, _new_name()):
        answer = await connection.send(call.encoded())
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer[:2000].decode(errors="replace"))
    connection.close()


async def _warm_up(service: Running, baskets: Sequence[Basket], seconds: float, mix: Mix) -> None:
    await arrive("127.0.0.1", service.port, Traffic(baskets, _new_name(), mix=mix), lambda _: WARM_UP_RATE, seconds)


async def _look(samples: list[Sample], service: Running) -> None:
    started = perf_counter()
    while True:
        vitals, machine = await asyncio.to_thread(lambda: (family_of(service.pid), look(service.data_dir)))
        samples.append(Sample(perf_counter() - started, vitals, machine))
        await asyncio.sleep(SAMPLE_SECONDS)


def _new_name() -> str:
    return f"{random.randrange(10**9)}"
