"""Coefficients of `recommender capacity`, and plots of how cost grows, from measured runs.

    python -m loadtests.fit_capacity [RUNS.jsonl]

Runs are the lines that `make scale` appends to RESULTS; those that ship are loadtests/measured/scale.jsonl, whose
first line says on which machine. A run that was stopped has the costs and facts that it came to; sizes count as
measured where a training was. Written are recommender/config/capacity.toml and docs/img/capacity-*.svg.

Each need is a sum of what the shop has, none of it below 0, fitted by least squares of the share by which each run is
missed. A fit of as many terms as runs misses none and proves nothing; so each run is also foretold by the others.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.optimize import nnls

from features.capacity import FILE, LINES_OF_A_FILE, Needs
from training.svg import dot, line, plot

ROOT = Path(__file__).parents[1]
MEASURED = ROOT / "loadtests/measured/scale.jsonl"
FEWEST_RUNS = 3
Run = Mapping[str, Any]
TERMS: dict[str, Callable[[Run], float]] = {
    "constant": lambda _: 1.0,
    "item": lambda run: run["size"]["items"],
    "shopper": lambda run: run["size"]["shoppers"],
    "line": lambda run: run["size"]["rows"],
}


def _fact(name: str) -> Callable[[Run], float | None]:
    return lambda run: run["facts"].get(name)


def _training(of: str) -> Callable[[Run], float | None]:
    return lambda run: run["costs"].get("train and publish", {}).get(of)


def _of_imports(of: str, together: Callable[[Sequence[float]], float]) -> Callable[[Run], float | None]:
    def value(run: Run) -> float | None:
        values = [cost[of] for what, cost in run["costs"].items() if what.startswith("import") and of in cost]
        return together(values) if values else None

    return value


def _shared_memory(run: Run) -> float | None:
    whole, own = run["facts"].get("worker, with shared files MiB"), run["facts"].get("worker, private MiB")
    return None if whole is None else whole - own


class Reading(NamedTuple):
    """Where a need stands in a run (None: it was not measured), and what it grows with."""

    value: Callable[[Run], float | None]
    terms: tuple[str, ...]


READINGS = {
    "import_seconds": Reading(_of_imports("processor_seconds", sum), ("constant", "item", "shopper", "line")),
    "import_memory_mib": Reading(_of_imports("memory_mib", max), ("constant", "item", "line")),
    "training_seconds": Reading(_training("processor_seconds"), ("constant", "item", "line")),
    "training_memory_mib": Reading(_training("memory_mib"), ("constant", "item", "line")),
    "event_log_mib": Reading(_fact("event log, MiB"), ("line",)),
    "database_mib": Reading(_fact("database, MiB"), ("item", "shopper")),
    "artifact_mib": Reading(_fact("artifact, MiB"), ("item", "shopper", "line")),
    "start_seconds": Reading(_fact("worker until ready, processor s"), ("constant", "item", "shopper")),
    "worker_memory_mib": Reading(_fact("worker, private MiB"), ("constant", "item", "shopper")),
    "shared_memory_mib": Reading(_shared_memory, ("constant", "item", "shopper")),
    "answer_ms": Reading(_fact("answer, processor ms"), ("constant", "item")),
    "live_state_bytes": Reading(_fact("live state of a shopper, bytes"), ("constant",)),
}
assert READINGS.keys() == set(Needs.__struct_fields__)


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients by term, and by which share they miss a run: one that they were fitted to, and one left out."""

    coefficients: Mapping[str, float]
    miss: float
    miss_left_out: float


def fit(runs: Sequence[Run], reading: Reading, name: str = "") -> Fit:
    """Fit one need to the runs that measured it.

    Raises:
        ValueError: fewer than FEWEST_RUNS measured it, or one is not above 0.
    """
    measured = [(run, value) for run in runs if (value := reading.value(run)) is not None]
    if len(measured) < FEWEST_RUNS or any(value <= 0 for _, value in measured):
        raise ValueError(f"{name}: needs {FEWEST_RUNS} runs above 0, got {[value for _, value in measured]}")
    sizes = np.array([[_term(term, run, name) for term in reading.terms] for run, _ in measured])
    values = np.array([value for _, value in measured])
    found = _solve(sizes, values)
    others = np.arange(len(values))
    left_out = [
        abs(sizes[out] @ _solve(sizes[others != out], values[others != out]) / values[out] - 1.0) for out in others
    ]
    miss = float(np.abs(sizes @ found / values - 1.0).max())
    return Fit(dict(zip(reading.terms, map(float, found), strict=True)), miss, float(max(left_out)))


def _term(term: str, run: Run, name: str) -> float:
    value = TERMS[term](run)
    return min(value, LINES_OF_A_FILE) if name == "import_memory_mib" and term == "line" else value


def _solve(sizes: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = sizes / values[:, None]
    scale = shares.max(axis=0)  # a coefficient of an item is a millionth of a constant
    return nnls(shares / scale, np.ones(len(values)))[0] / scale


def as_toml(machine: str, runs: Sequence[Run], fits: Mapping[str, Fit]) -> str:
    """The file of coefficients."""
    trained = [run["size"] for run in runs if "train and publish" in run["costs"]]

    def sizes(of: str) -> str:
        return f"[{min(size[of] for size in trained)}, {max(size[of] for size in trained)}]"

    lines = [
        "# What a shop needs by its size, for `recommender capacity`: constant + item * items + shopper * shoppers +",
        "# line * lines of orders. `miss` is the largest share by which this misses a run that it was fitted to,",
        "# `miss_left_out` the same of each run by a fit to the others. Written by `python -m loadtests.fit_capacity`",
        "# (docs/capacity.md); seconds and milliseconds are the processor's.",
        "", "[measured]", f'machine = "{machine}"', f"runs = {len(trained)}", f"items = {sizes('items')}",
        f"shoppers = {sizes('shoppers')}", f"lines = {sizes('rows')}",
    ]  # fmt: skip
    for name, one in fits.items():
        lines += ["", f"[needs.{name}]", f"miss = {one.miss:.3g}", f"miss_left_out = {one.miss_left_out:.3g}"]
        lines += [f"{term} = {value:.4g}" for term, value in one.coefficients.items() if value]
    return "\n".join(lines) + "\n"


PLOTS = (
    ("training_seconds", "line", "Training", "seconds of the processor"),
    ("training_memory_mib", "line", "Training: most memory", "MiB"),
    ("answer_ms", "item", "An answer", "milliseconds of the processor"),
    ("worker_memory_mib", "item", "A worker's own memory", "MiB"),
)
X_LABELS = {"line": "lines of orders", "item": "items"}


def growth(name: str, term: str, title: str, unit: str, runs: Sequence[Run], fits: Mapping[str, Fit]) -> str:
    """A plot of one need by one size, both by powers of ten: dots are runs; dashes join them to what the fit says."""
    reading, found = READINGS[name], fits[name].coefficients
    points = [
        (TERMS[term](run), value, sum(found[one] * _term(one, run, name) for one in reading.terms))
        for run in runs
        if (value := reading.value(run)) is not None
    ]
    x_ticks, y_ticks = _decades([x for x, *_ in points]), _decades([y for _, *pair in points for y in pair])
    shapes = list[str]()
    for x, value, said in points:
        across, up, by_fit = _place(x, x_ticks), _place(value, y_ticks), _place(said, y_ticks)
        shapes += [line(across, up, across, by_fit, dashed=True), dot(across, up)]
        shapes.append(line(across - 0.015, by_fit, across + 0.015, by_fit))
    return plot(
        f"{title}, by {X_LABELS[term]}", X_LABELS[term], unit, shapes,
        [f"{tick:,.0f}" for tick in x_ticks], [f"{tick:,g}" for tick in y_ticks],
    )  # fmt: skip


def _decades(values: Sequence[float]) -> list[float]:
    least, most = int(np.floor(np.log10(min(values)))), int(np.ceil(np.log10(max(values))))
    return [10.0**power for power in range(least, max(most, least + 1) + 1)]


def _place(value: float, ticks: Sequence[float]) -> float:
    return float((np.log10(value) - np.log10(ticks[0])) / (np.log10(ticks[-1]) - np.log10(ticks[0])))


def main() -> None:
    """Fit, write, print by how much each is off."""
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else MEASURED
    first, *rest = (orjson.loads(one) for one in source.read_bytes().splitlines() if one)
    runs = [one for one in rest if "costs" in one]  # the others are of loadtests.embeddings
    fits = {name: fit(runs, reading, name) for name, reading in READINGS.items()}
    (ROOT / "recommender/config" / FILE).write_text(as_toml(first["machine"], runs, fits))
    (ROOT / "docs/img").mkdir(exist_ok=True)
    for name, term, title, unit in PLOTS:
        picture = growth(name, term, title, unit, runs, fits)
        (ROOT / f"docs/img/capacity-{name.replace('_', '-')}.svg").write_text(picture)
    table = Table("need", "off by", "by the others", title=f"{len(runs)} runs", box=None)
    for name, one in fits.items():
        table.add_row(name, f"{one.miss:.0%}", f"{one.miss_left_out:.0%}")
    Console().print(table)


if __name__ == "__main__":
    main()
