"""More load than can be done."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from time import monotonic

import orjson
import uvloop

from loadtests.drills.callers import Promises
from loadtests.drills.drill import drill
from loadtests.drills.load import Caller, summary
from loadtests.drills.stage import Stage, answers, staged
from loadtests.generator import Outcome, at_rate, post, saturate

SECONDS, TIMES, CONNECTIONS = 6.0, 2.0, 400
BUSY = 24  # connections that keep a worker busy without making it late
LEAST_GOODPUT, MOST_P99_MS = 0.8, 500.0
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
    fault=f"storefronts ask one worker {TIMES:g} times as often as it can answer",
    promise=f"at least {LEAST_GOODPUT:.0%} of the most it can do are answered, 99 % of them within {MOST_P99_MS:g} ms;"
    " the others get 503 and Retry-After at once; tills, apps and consents get through",
)
def overload() -> Stage:
    with staged(callers=_but_storefronts, RECOMMENDER_WORKERS="1") as stage:
        port = stage.service.client.base_url.port or 0

        # In a process of its own, or the other callers would wait for the generator and not for the service.
        with ProcessPoolExecutor(1, get_context("spawn")) as crowd:
            first, began = crowd.submit(_most, port).result(), monotonic()
            twice = crowd.submit(_at, port, TIMES * first.per_second).result()
            ended = monotonic()
            last = crowd.submit(_most, port).result()
        can = (first.per_second + last.per_second) / 2  # before and after: the speed of a machine drifts
        seen = stage.load.between(began, ended)
        stage.notes.append(
            f"the most: {can:.0f}/s; at {TIMES:g} times that: {twice.per_second:.0f}/s answered"
            f" ({twice.per_second / can:.0%}), p50 {twice.percentile(50):.0f} ms, p99 {twice.percentile(99):.0f} ms,"
            f" {twice.failures} refused\n[the others meanwhile]\n{summary(seen)}"
        )
        stage.check(twice.failures, "nobody was refused")
        stage.check(twice.per_second >= LEAST_GOODPUT * can, "too few were answered")
        stage.check(twice.percentile(99) <= MOST_P99_MS, "those that were answered waited too long")
        stage.check(b" 503 " in twice.first_failure[:20], "a failure that is no 503")
        stage.check(b"retry-after: 1" in twice.first_failure.lower(), "a refusal without Retry-After")
        pressing = answers(seen, "till", "app", "consents")
        refused = [one for one in pressing if not 200 <= one.status < 300]
        stage.check(not refused, f"{len(refused)} pressing calls were refused ({summary(refused)})")
        stage.all_well("after")
    return stage
