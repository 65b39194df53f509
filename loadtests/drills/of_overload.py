"""More load than can be done."""

import asyncio
import os
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from multiprocessing import get_context
from time import monotonic, sleep

import numpy as np
import orjson
import psutil
import uvloop

from loadtests.drills.callers import Promises, mails_for
from loadtests.drills.drill import drill
from loadtests.drills.load import Caller, summary
from loadtests.drills.stage import Stage, answers, staged
from loadtests.generator import Outcome, at_rate, connect, post, saturate
from loadtests.mail import agree

SECONDS, CONNECTIONS = 6.0, 400
RECIPIENTS = 1_000
BUSY = 24  # connections that keep a worker busy without making it late
GOODPUT = {2.0: 0.7, 4.0: 0.35}  # share of the most that is answered, by how many times the most is asked for
MOST_P99_MS, MOST_PRESSING_MS = 500.0, 1_000.0
MOST_LATE_MS = 50.0  # of the generator, which shares its core with Redis and the other callers
AGREES = {"placement": "home", "limit": 12, "consent": {"personalisation": True}}
QUESTIONS = [
    post("/v1/recommendations", orjson.dumps(AGREES | {"anonymous_id": f"visitor-{n}"})) for n in range(500)
]  # fmt: skip


def _most(port: int) -> Outcome:
    return uvloop.run(saturate("127.0.0.1", port, QUESTIONS, seconds=SECONDS, connections=BUSY))


def _at(port: int, per_second: float) -> Outcome:
    asked = at_rate(
        "127.0.0.1", port, QUESTIONS, per_second=per_second, seconds=SECONDS, connections=CONNECTIONS
    )  # fmt: skip
    return uvloop.run(asked)


def _but_storefronts(promises: Promises) -> list[Caller]:
    return [caller for caller in promises.callers() if caller.name in {"till", "app", "consents", "mail"}]


@drill(
    "overload",
    fault="storefronts ask one worker twice, then four times as often as it can answer",
    promise=" and ".join(f"{share:.0%} at {times:g} times" for times, share in GOODPUT.items())
    + f" of the most that it can do is answered, 99 % of it within {MOST_P99_MS:g} ms; the others get 503 and"
    f" Retry-After; tills, apps and consents get through, within {MOST_PRESSING_MS / 1000:g} s",
)
def overload() -> Stage:
    with staged(callers=_but_storefronts, RECOMMENDER_WORKERS="1") as stage:
        port = stage.service.client.base_url.port or 0

        # In a process of its own, or the other callers would wait for the generator and not for the service.
        with _worker_apart(stage), ProcessPoolExecutor(1, get_context("spawn")) as crowd:
            for times, least in GOODPUT.items():
                first, began = crowd.submit(_most, port).result(), monotonic()
                asked = crowd.submit(_at, port, times * first.per_second).result()
                ended = monotonic()
                last = crowd.submit(_most, port).result()
                # Before and after: the speed of a machine drifts.
                _check(stage, asked, times, least * (first.per_second + last.per_second) / 2, began, ended)
        stage.all_well("after")
    return stage


@drill(
    "mails-beside-apps",
    fault=f"mails for {RECIPIENTS:,} recipients are rendered all the time, two calls at once, by one worker",
    promise="no phone in an aisle waits for them: 99 % of its calls are answered within a fifth of the time that"
    " such a call takes",
)
def mails_beside_apps() -> Stage:
    with staged(callers=_phones, RECOMMENDER_WORKERS="1") as stage:
        agree(stage.shop.settings.data_dir, [f"person-{one}" for one in range(RECIPIENTS)])
        sleep(1.0)  # by then the worker has heard of it
        alone = _percentile_of_apps(stage, "alone", monotonic(), monotonic() + SECONDS)
        began = monotonic()
        took = asyncio.run(_render(stage.service.client.base_url.port or 0, began + SECONDS))
        beside = _percentile_of_apps(stage, "beside", began, monotonic())
        stage.notes.append(
            f"{len(took)} calls for mails, {np.median(took):.1f} s each;"
            f" offers p99 {alone:.0f} ms alone, {beside:.0f} ms beside them"
        )
        stage.check(beside <= 200 * np.median(took), "a phone waited for mails")
        stage.all_well("after")
    return stage


def _percentile_of_apps(stage: Stage, what: str, began: float, ended: float) -> float:
    sleep(max(ended - monotonic(), 0.0))
    seen = stage.load.between(began, ended)
    refused = [one for one in seen if not 200 <= one.status < 300]
    stage.check(not refused, f"{what}: {len(refused)} calls failed ({summary(refused)})")
    stage.notes.append(f"[{what}]\n{summary(seen)}")
    return float(np.percentile([one.milliseconds for one in answers(seen, "app")], 99))


async def _render(port: int, until: float) -> list[float]:
    """Render until then; seconds of each call."""
    took, numbers = list[float](), count()

    async def work() -> None:
        while (began := monotonic()) < until:
            [connection] = await connect("127.0.0.1", port, 1)  # such an answer is the last of its connection
            answer = await connection.send(mails_for(RECIPIENTS, next(numbers)))
            assert answer[9:12] == b"200", answer[:500]
            took.append(monotonic() - began)

    await asyncio.gather(work(), work())
    return took


def _phones(promises: Promises) -> list[Caller]:
    return [replace(one, per_second=20) for one in promises.callers() if one.name == "app"]


@contextmanager
def _worker_apart(stage: Stage) -> Generator[None]:
    """Give the worker a core to itself, as `make bench` does: else it loses what those take who ask for more."""
    cores = os.sched_getaffinity(0)
    first, others = {min(cores)}, cores - {min(cores)}
    if not others:
        yield
        return
    [worker] = stage.service.children("serving.worker")
    for process in (psutil.Process(), psutil.Process(stage.service.process.pid)):
        for one in (process, *process.children()):
            _keep_on(one, first if one.pid == worker else others)
    try:
        yield
    finally:
        _keep_on(psutil.Process(), cores)


def _keep_on(process: psutil.Process, cores: set[int]) -> None:
    for thread in process.threads():
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.sched_setaffinity(thread.id, cores)


def _check(stage: Stage, asked: Outcome, times: float, least: float, began: float, ended: float) -> None:
    seen = stage.load.between(began, ended)
    n_sent = len(asked.latencies_ms) + asked.failures
    stage.notes.append(
        f"at {times:g} times, {n_sent / asked.seconds:.0f}/s: {asked.per_second:.0f}/s answered (promised"
        f" {least:.0f}/s), p50 {asked.percentile(50):.0f} ms, p99 {asked.percentile(99):.0f} ms, {asked.failures}"
        f" refused; the generator itself was late by {np.percentile(asked.late_ms, 99):.0f} ms (p99)\n"
        f"[the others meanwhile]\n{summary(seen)}"
    )
    stage.check(asked.failures, f"{times:g} times: nobody was refused")
    stage.check(asked.per_second >= least, f"{times:g} times: too few were answered")
    stage.check(b" 503 " in asked.first_failure[:20], "a failure that is no 503")
    stage.check(b"retry-after: 1" in asked.first_failure.lower(), "a refusal without Retry-After")
    pressing = answers(seen, "till", "app", "consents")
    refused = [one for one in pressing if not 200 <= one.status < 300]
    stage.check(not refused, f"{len(refused)} pressing calls were refused ({summary(refused)})")
    if np.percentile(asked.late_ms, 99) > MOST_LATE_MS:
        stage.notes.append("the generator had too little time itself: how long calls took is not judged")
        return
    stage.check(asked.percentile(99) <= MOST_P99_MS, f"{times:g} times: those that were answered waited too long")
    slow = [one for one in pressing if one.milliseconds > MOST_PRESSING_MS]
    stage.check(not slow, f"{len(slow)} pressing calls waited too long ({summary(slow)})")
