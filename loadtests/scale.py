"""`make scale`: what a shop of a given size costs, from its files to the answers, on this machine.

    make scale ITEMS=1000000 SHOPPERS=1000000 ROWS=20000000

A made-up shop (loadtests/big_shop.py) is imported, learnt from and served by the commands that a shop would use. Each
command is a process of its own, whose seconds and largest memory are what the kernel says of it. Results are appended
to the file that RESULTS names, one JSON a line. KEEP names a new folder where the shop stays afterwards, for
loadtests.beside.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import orjson
import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from features.artifact.read import load_artifact
from features.artifact.shelf import ArtifactShelf
from features.settings import Settings
from loadtests.bench import free_port, running, traffic
from loadtests.big_shop import Size, size_from_environment, write_catalogue, write_consents, write_orders
from loadtests.generator import Outcome, at_rate, saturate
from loadtests.live_bytes import measure_live_bytes
from loadtests.mail import cpu_seconds, workers_of

SECONDS, WARM_UP_SECONDS = 10.0, 10.0
RATE = float(os.environ.get("RATE", "100"))
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Cost:
    """What one command took."""

    seconds: float
    processor_seconds: float
    memory_mib: float


def cost_of(*command: str, folder: Path) -> Cost:
    """Run a command of the product on a data folder; ends the run if it fails."""
    started = time.perf_counter()
    environment = os.environ | {"RECOMMENDER_DATA_DIR": str(folder / "data")}
    process = subprocess.Popen([sys.executable, "-m", "recommender", *command], env=environment)
    _, status, used = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"recommender {' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss * unit / MIB)


def main() -> None:
    """Make the shop, import it, learn, serve, and print what each took."""
    size, console, costs = size_from_environment(), Console(), dict[str, Cost]()
    with _folder() as folder:
        costs["import the catalogue"] = cost_of(
            "import", "catalogue", str(write_catalogue(size, folder)), folder=folder
        )
        costs["import the consents"] = cost_of("import", "consents", str(write_consents(size, folder)), folder=folder)
        for file in write_orders(size, folder):
            one = cost_of("import", "events", str(file), folder=folder)
            before = costs.get("import the orders", Cost(0, 0, 0))
            costs["import the orders"] = Cost(
                before.seconds + one.seconds, before.processor_seconds + one.processor_seconds,
                max(before.memory_mib, one.memory_mib),
            )  # fmt: skip
            file.unlink()
        costs["train and publish"] = cost_of("train", "--force", folder=folder)
        facts = _sizes(folder / "data") | _served(folder / "data")
    _print(console, size, costs, facts)
    if results := os.environ.get("RESULTS"):
        line = {"size": asdict(size), "costs": {what: asdict(one) for what, one in costs.items()}, "facts": facts}
        with Path(results).open("ab") as file:
            file.write(orjson.dumps(line) + b"\n")


@contextmanager
def _folder() -> Generator[Path]:
    if kept := os.environ.get("KEEP"):
        Path(kept).mkdir(parents=True)
        yield Path(kept)
        return
    with tempfile.TemporaryDirectory(prefix="scale-", dir=os.environ.get("SCALE_DIR")) as name:
        yield Path(name)


def _sizes(data: Path) -> dict[str, float]:
    def mib(folder: Path) -> float:
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / MIB

    settings = Settings(data_dir=data)
    return {
        "event log, MiB": mib(settings.events_dir),
        "database, MiB": sum(f.stat().st_size for f in data.glob("*.sqlite*")) / MIB,
        "artifact, MiB": mib(settings.artifacts_dir),
    }  # fmt: skip


def _served(data: Path) -> dict[str, float]:
    """Start one worker, and ask it; weigh the live state of those who shopped in the last week."""
    settings, port = Settings(data_dir=data), free_port()
    shelf = ArtifactShelf(settings.artifacts_dir)
    loaded = load_artifact(shelf.path(shelf.current()))
    questions, live = traffic(loaded), measure_live_bytes(settings, loaded, timedelta(days=7))
    del loaded  # it is as large as the worker's
    serve = [sys.executable, "-m", "recommender", "serve", "--workers", "1", "--port", str(port)]
    started = time.perf_counter()
    with running(serve, port, "/readyz", {"RECOMMENDER_DATA_DIR": str(data)}):
        ready = time.perf_counter() - started
        [worker] = workers_of(port)
        [used_to_start] = cpu_seconds([worker])
        first, full, fixed, used = uvloop.run(_ask(port, questions, worker))
        memory = worker.memory_full_info()
    return {
        "live state of a shopper, bytes": float(live.n_bytes.mean()),
        "start to ready, s": ready,
        "worker until ready, processor s": used_to_start,
        "worker, private MiB": memory.uss / MIB,
        "worker, with shared files MiB": memory.rss / MIB,
        "first answer, ms": first.percentile(50),
        "answer, processor ms": 1_000.0 * used / max(len(full.latencies_ms), 1),
        "requests/s": full.per_second,
        f"p50 ms at {RATE:.0f}/s": fixed.percentile(50),
        f"p99 ms at {RATE:.0f}/s": fixed.percentile(99),
        "failures": float(first.failures + full.failures + fixed.failures),
    }


async def _ask(port: int, questions: list[bytes], worker: psutil.Process) -> tuple[Outcome, Outcome, Outcome, float]:
    """The first answer, saturated, at RATE; and the seconds of the processor that the worker took when saturated."""
    first = await at_rate("127.0.0.1", port, questions, per_second=10.0, seconds=0.01, connections=1)
    await saturate("127.0.0.1", port, questions, seconds=WARM_UP_SECONDS, connections=8)
    [before] = cpu_seconds([worker])
    full = await saturate("127.0.0.1", port, questions, seconds=SECONDS)
    [after] = cpu_seconds([worker])
    return first, full, await at_rate("127.0.0.1", port, questions, per_second=RATE, seconds=SECONDS), after - before


def _print(console: Console, size: Size, costs: dict[str, Cost], facts: dict[str, float]) -> None:
    title = f"{size.items:,} items, {size.shoppers:,} shoppers, {size.rows:,} lines of orders"
    table = Table("step", "seconds", "of the processor", "most memory, MiB", title=title)
    for what, one in costs.items():
        table.add_row(what, f"{one.seconds:,.0f}", f"{one.processor_seconds:,.0f}", f"{one.memory_mib:,.0f}")
    console.print(table)
    more = Table("", "", title="What it comes to; one worker")
    for what, value in facts.items():
        more.add_row(what, f"{value:,.1f}")
    console.print(more)


if __name__ == "__main__":
    main()
