"""`make bench`: what one worker on one core gives, beside a FastAPI POST that does nothing, in the same run.

The server under test has core 0 to itself; Valkey, the parent and this generator share the others. Rounds alternate
between the bare server and the service, because the speed of a machine drifts; medians over the rounds are printed.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import orjson
import psutil
import uvloop
from rich.console import Console
from rich.table import Table
from sqlalchemy import delete

from features.artifact.read import LoadedArtifact, load_artifact
from features.artifact.shelf import ArtifactShelf
from features.identity import SECRET_FILE
from features.settings import Settings
from features.sql.engine import open_engine, writing
from features.sql.tables.keys import keys
from loadtests.generator import Outcome, at_rate, post, saturate
from loadtests.ingestion import ingestion_table, measure_ingestion
from loadtests.stages import measure_sessions, measure_stages

WARM_UP_SECONDS = 12.0  # until most items of the traffic have been encoded once
PAIRS, PAIR_SECONDS = 12, 2.0  # of bare server and service, many and short: the machine's speed changes within seconds
RATE, ROUNDS, SECONDS = 300.0, 3, 8.0
CONSENT = {"consent": {"categoryPreferences": {"personalisation": True}}}


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers on localhost."""

    port: int
    process: subprocess.Popen[bytes]


def traffic(loaded: LoadedArtifact, n: int = 4000, seed: int = 11) -> list[bytes]:
    """Recommendation queries as a shop sends them: known and unknown shoppers, pages by what people buy.

    Half of the calls come from shoppers with a history, a third from visitors with some clicks, the rest from
    strangers; items are drawn by popularity (Zipf over the popularity ranking).
    """
    rng = np.random.default_rng(seed)
    users = list(loaded.model.histories.position_of)
    stores = list(loaded.model.popularity.by_store)
    ranking = loaded.model.popularity.ranking

    def item() -> str:
        return loaded.items[ranking[min(int(rng.zipf(1.3)), len(ranking)) - 1]].item_id

    requests: list[bytes] = []
    for _ in range(n):
        placement = str(rng.choice(["home", "product", "cart", "category", "discover"], p=[0.4, 0.3, 0.1, 0.1, 0.1]))
        body: dict[str, object] = {"placement": placement, "limit": 12}
        draw = rng.random()
        if draw < 0.5:
            body["user_id"] = users[int(rng.integers(len(users)))]
        else:
            body["consent"] = {"personalisation": True}
            body["anonymous_id"] = f"visitor-{rng.integers(500)}" if draw < 0.83 else f"stranger-{rng.integers(10**6)}"
        if rng.random() < 0.3:
            body["store_id"] = stores[int(rng.integers(len(stores)))]
        if placement == "product":
            body["item_id"] = item()
        if placement == "cart":
            body["cart"] = [item() for _ in range(4)]
        if placement == "category":
            body["category"] = loaded.items[int(rng.choice(ranking[:200]))].category
        requests.append(post("/v1/recommendations", orjson.dumps(body)))
    return requests


def clicks(loaded: LoadedArtifact, n_visitors: int = 500, each: int = 6) -> list[bytes]:
    """Views that give the visitors of `traffic` a session."""
    rng = np.random.default_rng(5)
    top = loaded.model.popularity.ranking[:1500]
    return [
        post(
            "/v1/track",
            orjson.dumps(
                {
                    "event": "Product Viewed",
                    "anonymousId": f"visitor-{visitor}",
                    "properties": {"product_id": loaded.items[int(rng.choice(top))].item_id},
                    "context": CONSENT,
                }
            ),
        )
        for visitor in range(n_visitors)
        for _ in range(each)
    ]


@contextmanager
def running(command: Sequence[str], port: int, ready: str, environment: dict[str, str]) -> Iterator[Server]:
    """Start a server, wait until it is ready, stop it at the end."""
    # Under load many requests are slow, and each would be a line among the figures.
    process = subprocess.Popen(command, env={"RECOMMENDER_LOG_LEVEL": "error", **os.environ, **environment})
    try:
        for _ in range(6_000):  # a large artifact takes minutes
            if process.poll() is not None:
                sys.exit(f"{command} ended with {process.returncode}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{ready}", timeout=1):
                    break
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                time.sleep(0.1)
        else:
            sys.exit(f"{command} is not ready: {ready}")
        yield Server(port, process)
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def copy_of(settings: Settings) -> Iterator[Path]:
    """A data folder with the same artifacts and database, but a log of its own: what a bench sends nobody bought.

    It has no keys, so that the service there trusts this machine.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        apart = Path(folder)
        (apart / settings.artifacts_dir.name).symlink_to(settings.artifacts_dir.resolve())
        for file in (*settings.data_dir.glob("*.sqlite*"), *settings.data_dir.glob(SECRET_FILE)):
            shutil.copy(file, apart)  # what the database keeps sealed opens with the secret alone
        with writing(open_engine(Settings(data_dir=apart))) as write:
            write.connection.execute(delete(keys))
        yield apart


def pin_to_core(port: int, core: int) -> None:
    """Give one core to the process that listens on `port` and does the answering, and the others to everyone else."""
    for process in psutil.process_iter():
        try:
            listens = any(
                c.laddr.port == port for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN
            )
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            continue
        if listens and not process.children():
            process.cpu_affinity([core])


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def measure(
    service: int, bare: int, loaded: LoadedArtifact
) -> tuple[list[Outcome], list[Outcome], list[Outcome]]:
    """Saturated outcomes of the bare server and the service, then the service's at a fixed rate; a round each."""
    questions = traffic(loaded)
    nothing = [post("/bare", orjson.dumps({"placement": "home", "limit": 12, "user_id": "1"}))]
    await saturate("127.0.0.1", service, clicks(loaded), seconds=3.0, connections=8)
    await saturate("127.0.0.1", service, questions, seconds=WARM_UP_SECONDS)
    await saturate("127.0.0.1", bare, nothing, seconds=1.0)
    floor, full, fixed = list[Outcome](), list[Outcome](), list[Outcome]()
    for _ in range(PAIRS):
        floor.append(await saturate("127.0.0.1", bare, nothing, seconds=PAIR_SECONDS))
        full.append(await saturate("127.0.0.1", service, questions, seconds=PAIR_SECONDS))
    for _ in range(ROUNDS):
        fixed.append(await at_rate("127.0.0.1", service, questions, per_second=RATE, seconds=SECONDS))
    return floor, full, fixed


def main() -> None:
    """Run everything and print the tables."""
    console = Console()
    settings = Settings()
    shelf = ArtifactShelf(settings.artifacts_dir)
    loaded = load_artifact(shelf.path(shelf.current()))
    service_port, bare_port = free_port(), free_port()
    os.sched_setaffinity(0, set(range(1, os.cpu_count() or 1)) or {0})
    bare = [
        sys.executable,
        "-m",
        "uvicorn",
        "loadtests.bare:app",
        "--port",
        str(bare_port),
        "--log-level",
        "warning",
        "--no-access-log",
    ]
    serve = [sys.executable, "-m", "recommender", "serve", "--workers", "1", "--port", str(service_port)]
    with (
        copy_of(settings) as apart,
        running(bare, bare_port, "/docs", {}),
        running(serve, service_port, "/readyz", {"RECOMMENDER_DATA_DIR": str(apart)}),
    ):
        pin_to_core(bare_port, 0)
        pin_to_core(service_port, 0)
        floor, full, fixed = uvloop.run(measure(service_port, bare_port, loaded))
        known, logins, followed = uvloop.run(measure_ingestion(service_port, loaded))
    console.print(_rates(floor, full))
    console.print(_latencies(fixed))
    console.print(ingestion_table(known, logins, followed))
    console.print(_stages())
    seconds = loaded.manifest.seconds
    console.print(f"train + publish of the artifact that served: {sum(seconds.values()):.0f} s")


def _rates(floor: list[Outcome], full: list[Outcome]) -> Table:
    table = Table(
        "", "requests/s, median [min-max]", "p50 ms", "p99 ms", "failures", title="One worker on one core, saturated"
    )
    for name, outcomes in (("FastAPI POST, nothing in it", floor), ("POST /v1/recommendations, full path", full)):
        rates = [outcome.per_second for outcome in outcomes]
        table.add_row(
            name,
            f"{median(rates):,.0f} [{min(rates):,.0f}-{max(rates):,.0f}]",
            f"{median(outcome.percentile(50) for outcome in outcomes):.1f}",
            f"{median(outcome.percentile(99) for outcome in outcomes):.1f}",
            str(sum(outcome.failures for outcome in outcomes)),
        )
    ratios = [ours.per_second / theirs.per_second for ours, theirs in zip(full, floor, strict=True)]
    table.add_row("ratio, pair by pair", f"{median(ratios):.3f} [{min(ratios):.3f}-{max(ratios):.3f}]", "", "", "")
    return table


def _latencies(fixed: list[Outcome]) -> Table:
    table = Table(
        "percentile", "median ms", "of the rounds", title=f"The same at {RATE:.0f} requests/s, from the intended time"
    )
    for share in (50, 90, 99):
        rounds = [outcome.percentile(share) for outcome in fixed]
        table.add_row(f"p{share}", f"{median(rounds):.1f}", ", ".join(f"{value:.1f}" for value in rounds))
    return table


def _stages() -> Table:
    table = Table("stage", "p50 µs", title="Where a decision's time goes (synthetic model, 92,000 items)")
    for name, microseconds in (measure_stages() | measure_sessions()).items():
        table.add_row(name, f"{microseconds:,.0f}")
    return table


if __name__ == "__main__":
    main()
