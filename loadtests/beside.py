"""Latency of two shops in the same minutes: how much dearer an answer is at a million items than at few.

    SMALL=folder LARGE=folder RATE=300 python -m loadtests.beside

Folders are those that `make scale KEEP=folder` leaves. A service of one worker runs on each, on core 0, and rounds
alternate between them, because the speed of a machine drifts; the other server rests meanwhile.
"""

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from features.artifact.read import load_artifact
from features.artifact.shelf import ArtifactShelf
from features.settings import Settings
from loadtests.bench import clicks, free_port, pin_to_core, running, traffic
from loadtests.generator import Outcome, at_rate, saturate
from loadtests.mail import cpu_seconds, workers_of

ROUNDS, SECONDS, WARM_UP_SECONDS = 3, 8.0, 10.0
RATE = float(os.environ.get("RATE", "300"))
NAMES = ("SMALL", "LARGE")


def main() -> None:
    """Serve both, ask them in turns, print medians and the ratio of each pair."""
    with ExitStack() as servers:
        asked = [_serve(Path(os.environ[name]), servers) for name in NAMES]
        os.sched_setaffinity(0, set(range(1, os.cpu_count() or 1)) or {0})
        rounds = uvloop.run(_alternate(asked))
    table = Table("", *NAMES, "of each pair", title=f"At {RATE:,.0f} a second, {ROUNDS} rounds of {SECONDS:.0f} s")
    for share in (50, 90, 99):
        pairs = [(small.percentile(share), large.percentile(share)) for (small, _), (large, _) in rounds]
        _row(table, f"p{share}, ms", pairs)
    _row(table, "processor ms an answer", [(small, large) for (_, small), (_, large) in rounds])
    Console().print(table)
    Console().print(f"failures: {sum(one.failures for pair in rounds for one, _ in pair)}")


def _row(table: Table, what: str, pairs: list[tuple[float, float]]) -> None:
    ratios = sorted(large / small for small, large in pairs)
    table.add_row(
        what, *(f"{median(values):.2f}" for values in zip(*pairs, strict=True)),
        f"{median(ratios):.2f} [{ratios[0]:.2f}-{ratios[-1]:.2f}]",
    )  # fmt: skip


Asked = tuple[int, list[bytes], list[bytes], psutil.Process]  # port, questions, clicks before them, the worker


def _serve(folder: Path, servers: ExitStack) -> Asked:
    shelf = ArtifactShelf(Settings(data_dir=folder / "data").artifacts_dir)
    loaded, port = load_artifact(shelf.path(shelf.current())), free_port()
    questions, before = traffic(loaded), clicks(loaded)
    command = [sys.executable, "-m", "recommender", "serve", "--workers", "1", "--port", str(port)]
    environment = {"RECOMMENDER_DATA_DIR": str(folder / "data")}
    servers.enter_context(running(command, port, "/readyz", environment))
    pin_to_core(port, 0)
    [worker] = workers_of(port)
    return port, questions, before, worker


async def _alternate(asked: list[Asked]) -> list[tuple[tuple[Outcome, float], ...]]:
    """Of each round and shop, the answers, and milliseconds of the processor for one."""
    for port, questions, before, _ in asked:
        await saturate("127.0.0.1", port, before, seconds=3.0, connections=8)
        await saturate("127.0.0.1", port, questions, seconds=WARM_UP_SECONDS, connections=8)
    rounds = list[tuple[tuple[Outcome, float], ...]]()
    for _ in range(ROUNDS):
        one = list[tuple[Outcome, float]]()
        for port, questions, _, worker in asked:
            [used_before] = cpu_seconds([worker])
            outcome = await at_rate("127.0.0.1", port, questions, per_second=RATE, seconds=SECONDS)
            [used] = cpu_seconds([worker])
            one.append((outcome, 1_000.0 * (used - used_before) / max(len(outcome.latencies_ms), 1)))
        rounds.append(tuple(one))
    return rounds


if __name__ == "__main__":
    main()
