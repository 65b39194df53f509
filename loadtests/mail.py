"""`make bench-mail`: product blocks of mails, decided and on disk: recipients a second, and how long 100 take.

Two workers over a copy of the data folder (`make demo`), with consent of every recipient: the shoppers of the artifact,
and strangers for as many recipients as MAIL_RECIPIENTS says (10,000 unless set). Beside it two repetitions of what was
decided, and the memory of the workers before and after. Then one worker by itself: how long a recommendation takes
while it decides batches of 1,000, and while it does not.
"""

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import orjson
import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from features.artifact.read import load_artifact
from features.artifact.shelf import ArtifactShelf
from features.settings import Settings
from features.sql.consent_store import ConsentStore
from features.sql.engine import migrate, open_engine
from loadtests.bench import copy_of, free_port, running
from loadtests.generator import Outcome, at_rate, connect, post
from recommender.consent import MARKETING_EMAIL, PERSONALISATION, Entry, State

WORKERS, RECIPIENTS, AT_ONCE, LARGE = 2, int(os.environ.get("MAIL_RECIPIENTS", "10000")), 100, 250
BATCH, RATE = 1_000, 50.0  # recipients; recommendations a second beside them
LOOK_AFTER = 5_000  # recipients, between two looks at the memory
BLOCK = {"block_id": "top", "placement": "home", "images": "open_time", "count": 4}


def shoppers(folder: Path) -> list[str]:
    """User ids of the artifact."""
    shelf = ArtifactShelf(folder / "artifacts")
    return list(load_artifact(shelf.path(shelf.current())).model.histories.position_of)


def agree(folder: Path, users: Sequence[str]) -> None:
    """Write down that all of them want mails, and to be known."""
    engine = open_engine(Settings(data_dir=folder))
    migrate(engine)
    store, now = ConsentStore(engine), datetime.now(UTC)
    for start in range(0, len(users), 2_000):
        some = users[start : start + 2_000]
        store.append(
            [
                Entry(
                    entry_id=f"bench:{user}:{purpose}", subject=("user_id", user), purpose=purpose, state=State.GRANTED,
                    occurred_at=now, received_at=now, channel="web",
                )
                for user in some
                for purpose in (MARKETING_EMAIL, PERSONALISATION)
            ]
        )  # fmt: skip
    engine.dispose()


def calls(send: str, users: Sequence[str], at_once: int) -> Iterator[bytes]:
    """The calls that render a send."""
    for start in range(0, len(users), at_once):
        some = users[start : start + at_once]
        body = {"send_id": send, "blocks": [BLOCK], "recipients": [{"user_id": user} for user in some]}
        yield post("/v1/email/blocks", orjson.dumps(body))


async def render(port: int, requests: Sequence[bytes], connections: int) -> tuple[float, list[float]]:
    """Send all of them, so many at a time; returns seconds in all, and milliseconds of each."""
    waiting, took = iter(requests), list[float]()

    async def work() -> None:
        for request in waiting:
            started = perf_counter()
            [connection] = await connect("127.0.0.1", port, 1)  # the service ends it with the answer to a large call
            answer = await connection.send(request)
            took.append(1000 * (perf_counter() - started))
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(answer[:2000].decode(errors="replace"))

    started = perf_counter()
    await asyncio.gather(*(work() for _ in range(connections)))
    return perf_counter() - started, took


def workers_of(port: int) -> list[psutil.Process]:
    """The workers of the service at a port."""
    parents = [one for one in psutil.process_iter(["cmdline"]) if str(port) in (one.info["cmdline"] or ())]
    children = [child for parent in parents for child in parent.children(recursive=True)]
    return [child for child in children if "serving.worker" in child.cmdline()]


def cpu_seconds(workers: Sequence[psutil.Process]) -> list[float]:
    """Processor time that each has taken."""
    return [one.cpu_times().user + one.cpu_times().system for one in workers]


def private_mib(workers: Sequence[psutil.Process]) -> float:
    """Memory that is theirs alone, in MiB."""
    return sum(one.memory_full_info().uss for one in workers) / 2**20


async def ask_beside(port: int, batches: Sequence[bytes]) -> tuple[Outcome, Outcome, float]:
    """Recommendations for nobody in particular, alone and beside batches of one after the other; seconds of these."""
    asked = [post("/v1/recommendations", orjson.dumps({"placement": "home", "limit": 12}))]
    await at_rate("127.0.0.1", port, asked, per_second=RATE, seconds=2.0, connections=4)
    alone = await at_rate("127.0.0.1", port, asked, per_second=RATE, seconds=10.0, connections=4)
    batch = asyncio.create_task(render(port, batches, 1))
    beside, seconds = Outcome(), 0.0
    while not batch.done():
        more = await at_rate("127.0.0.1", port, asked, per_second=RATE, seconds=0.5, connections=4)
        beside.latencies_ms += more.latencies_ms
        beside.failures += more.failures
    seconds, _ = await batch
    return alone, beside, seconds


def measure_beside(console: Console, users: Sequence[str], environment: dict[str, str]) -> None:
    """What a batch does to other calls of its worker: their latency is how long the event loop lets them wait."""
    port = free_port()
    serve = [sys.executable, "-m", "recommender", "serve", "--workers", "1", "--port", str(port)]
    with running(serve, port, "/readyz", environment):
        uvloop.run(render(port, list(calls("warm-1", users[:1_000], AT_ONCE)), 4))
        batches = list(calls("s4", users[: 4 * BATCH], BATCH))
        alone, beside, seconds = uvloop.run(ask_beside(port, batches))
    table = Table(f"{RATE:.0f} recommendations/s on one worker", "p50 ms", "p95 ms", "p99 ms", "most", "failures")
    rate = f"{min(len(users), 4 * BATCH) / seconds:,.0f} recipients/s"
    for name, of in (("alone", alone), (f"beside batches of {BATCH:,} ({rate})", beside)):
        shares = [f"{of.percentile(share):.1f}" for share in (50, 95, 99, 100)]
        table.add_row(name, *shares, str(of.failures))
    console.print(table)


def main() -> None:
    """Run everything and print the tables."""
    console, port = Console(), free_port()
    with copy_of(Settings()) as apart:
        known = shoppers(apart)
        users = known[:RECIPIENTS]
        users += [f"stranger-{number}" for number in range(RECIPIENTS - len(users))]
        agree(apart, users)
        environment = {"RECOMMENDER_DATA_DIR": str(apart), "RECOMMENDER_MAX_BODY_BYTES": "10000000"}
        serve = [sys.executable, "-m", "recommender", "serve", "--workers", str(WORKERS), "--port", str(port)]
        table = Table(
            "", "recipients", "recipients/s", "p50 ms", "p95 ms of a call", "CPU ms each", "of it on the busier worker"
        )
        with running(serve, port, "/readyz", environment):
            uvloop.run(render(port, list(calls("warm", users[:1_000], AT_ONCE)), 4))
            workers = workers_of(port)
            memory = [f"{private_mib(workers):.0f} MiB before"]
            for name, send, of, at_once, connections in (
                ("known shoppers, 100 a call, one call at a time", "s1", known[:2_000], AT_ONCE, 1),
                ("known shoppers, 250 a call, 4 calls at a time", "s2", known, LARGE, 4),
                ("all, 250 a call, 4 calls at a time", "s3", users, LARGE, 4),
                ("the same again", "s3", users, LARGE, 4),
                ("and again", "s3", users, LARGE, 4),
            ):
                before, seconds, took = cpu_seconds(workers), 0.0, list[float]()
                for start in range(0, len(of), LOOK_AFTER):
                    some = of[start : start + LOOK_AFTER]
                    more_seconds, more = uvloop.run(render(port, list(calls(send, some, at_once)), connections))
                    seconds, took = seconds + more_seconds, took + more
                    if of is users:
                        memory.append(f"{private_mib(workers):.0f}")
                spent = [after - was for after, was in zip(cpu_seconds(workers), before, strict=True)]
                table.add_row(
                    name, f"{len(of):,}", f"{len(of) / seconds:,.0f}", f"{median(took):.0f}",
                    f"{float(np.percentile(took, 95)):.0f}", f"{1000 * sum(spent) / len(of):.2f}",
                    f"{max(spent) / sum(spent):.0%}",
                )  # fmt: skip
        measure_beside(console, known, environment)
    console.print(table)
    console.print(
        f"memory of {WORKERS} workers: {', '.join(memory)} after each {LOOK_AFTER:,} of all, again, and once more; "
        f"{os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
