"""Fits what `recommender capacity` knows to the results of `make scale`: python -m loadtests.fit_capacity RESULTS."""

import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from scipy.optimize import nnls

from recommender.capacity import Law

FILE = Path("recommender/config/capacity.toml")
Run = Mapping[str, Any]
QUANTITIES: Mapping[str, tuple[str, Callable[[Run], float]]] = {
    "event_log": ("MiB", lambda run: run["facts"]["event log, MiB"]),
    "database": ("MiB", lambda run: run["facts"]["database, MiB"]),
    "artifact": ("MiB", lambda run: run["facts"]["artifact, MiB"]),
    "worker_private": ("MiB", lambda run: run["facts"]["worker, private MiB"]),
    "worker_shared": (
        "MiB", lambda run: run["facts"]["worker, with shared files MiB"] - run["facts"]["worker, private MiB"]
    ),
    "live_state": (
        "MiB", lambda run: run["facts"]["live state of a shopper, bytes"] * run["size"]["shoppers"] / 2**20
    ),
    "request": ("µs of a core", lambda run: 1_000_000 / run["facts"]["requests/s"]),
    "training_memory": ("MiB", lambda run: run["costs"]["train and publish"]["memory_mib"]),
    "training_time": ("s of a core", lambda run: run["costs"]["train and publish"]["processor_seconds"]),
}  # fmt: skip


def main() -> None:
    """Fit each quantity by least squares of its relative errors, with no negative part, and write the file."""
    runs = [orjson.loads(line) for line in Path(sys.argv[1]).read_bytes().splitlines()]
    sizes = np.array([[1, run["size"]["items"], run["size"]["shoppers"], run["size"]["rows"]] for run in runs], float)
    largest = max(runs, key=lambda run: run["size"]["rows"])["size"]
    lines = [
        "# What `recommender capacity` reckons with: made by `python -m loadtests.fit_capacity RESULTS` of runs of",
        f"# `make scale` with {', '.join('{items:,}/{shoppers:,}/{rows:,}'.format(**run['size']) for run in runs)}",
        "# items/shoppers/lines of orders.",
        f'on = "{datetime.now(UTC).date()}"',
        f'machine = "{os.cpu_count()} cores, {_processor()}"',
        "", "[largest]", *(f"{name} = {value}" for name, value in largest.items()),
    ]  # fmt: skip
    for name, (unit, of) in QUANTITIES.items():
        law = fit(sizes, np.array([of(run) for run in runs]), unit)
        lines += ["", f"[laws.{name}]", f'unit = "{unit}"']
        lines += [f"{part} = {getattr(law, part):.6g}" for part in ("base", "item", "shopper", "row", "worst_error")]
    FILE.write_text("\n".join(lines) + "\n")


def fit(sizes: np.ndarray, values: np.ndarray, unit: str) -> Law:
    """The law that comes nearest to values (n,) of shops (n, 4): 1, items, shoppers, rows."""
    scale = sizes.max(axis=0)  # so that all parts are of one size for the solver
    found, _ = nnls(sizes / scale / values[:, None], np.ones(len(values)))
    parts = found / scale
    return Law(unit, *map(float, parts), worst_error=float(np.abs(sizes @ parts / values - 1).max()))


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


if __name__ == "__main__":
    main()
