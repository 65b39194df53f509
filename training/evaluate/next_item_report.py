"""What the protocol next-item found, as plain values and on a terminal."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from training.evaluate.bootstrap import Interval
from training.evaluate.metrics import NO_ITEM, Lists, coverage, mean_popularity_rank
from training.evaluate.ran_on import FileFacts
from training.evaluate.table import WIDTH

SERVED = "served pipeline"
AGAIN, UNSEEN = "again", "unseen"
SCOPES = {
    AGAIN: "Every beginning; what was seen in the session may be shown again",
    UNSEEN: "Beginnings that went on with something not yet seen; what was seen is left out of the lists",
}
COLUMNS = {"hit_rate@20": "HR@20", "mrr@20": "MRR@20", "hit_rate@10": "HR@10", "mrr@10": "MRR@10"}
HEADLINE = tuple(COLUMNS)[:2]
SAMPLES = 1000
Figures = NDArray[np.float64]  # (n_asked,); NaN: not in the scope


@dataclass(frozen=True, slots=True)
class NextItemResult:
    """One recommender, measured.

    Attributes:
        figures: by scope and metric, of every beginning; no scope in which there is none.
        coverage, popularity_rank: of the first 20 places of all lists where everything may be shown.
        seconds, mebibytes: to learn and to write all lists; memory at its peak above what was in use.
        microseconds: of one query: the median of the pipeline; of a baseline, which writes all lists at once, the mean.
    """

    name: str
    figures: Mapping[str, Mapping[str, Figures]]
    coverage: float
    popularity_rank: float
    seconds: float
    mebibytes: float
    microseconds: float

    def mean(self, scope: str, metric: str) -> float:
        """Mean over the beginnings of a scope."""
        return float(np.nanmean(self.figures[scope][metric]))


@dataclass(frozen=True, slots=True, kw_only=True)
class NextItemData:
    """What was measured on.

    Attributes:
        files: by option; without a test, the latest sessions of `train` were it.
        beginnings: asked about, of so many `test_sessions`.
        repeated: share of the beginnings that went on with something already seen.
        unreachable: share of what came next that no session had before.
        lessons: beginnings that the trees learnt from; 0: there are none.
        check: of the trees on later ones, as in `LearntSessions`.
    """

    files: Mapping[str, FileFacts]
    sessions: int
    views: int
    items: int
    beginnings: int
    test_sessions: int
    repeated: float
    unreachable: float
    lessons: int
    check: Mapping[str, float]
    seed: int
    code: str
    settings: Mapping[str, object]
    versions: Mapping[str, str]
    machine: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class NextItemLead:
    """How far the pipeline is ahead of the baseline that is best by one figure."""

    metric: str
    baseline: str
    difference: Interval


@dataclass(frozen=True, slots=True)
class NextItemReport:
    """Every recommender beside every other, on the same beginnings; the pipeline comes last.

    Attributes:
        intervals: by scope and metric, of the pipeline; without a scope in which there is no beginning.
        leads: by scope, for each metric of HEADLINE.
    """

    data: NextItemData
    results: tuple[NextItemResult, ...]
    intervals: Mapping[str, Mapping[str, Interval]]
    leads: Mapping[str, tuple[NextItemLead, ...]]

    def as_json(self) -> str:
        """As programs read it."""
        whole = {
            "protocol": "next-item",
            "data": asdict(self.data),
            "results": [
                {
                    "name": result.name,
                    "quality": {scope: {m: result.mean(scope, m) for m in COLUMNS} for scope in self.intervals},
                    "coverage@20": result.coverage,
                    "popularity_rank@20": result.popularity_rank,
                    "seconds": result.seconds,
                    "mebibytes": result.mebibytes,
                    "microseconds_per_query": result.microseconds,
                }
                for result in self.results
            ],
            "intervals": {
                scope: {m: asdict(found) for m, found in of_scope.items()} for scope, of_scope in self.intervals.items()
            },
            "leads": {scope: [asdict(lead) for lead in leads] for scope, leads in self.leads.items()},
        }
        return json.dumps(whole, indent=2) + "\n"


def figures_of(lists: Lists, targets: NDArray[np.int32]) -> dict[str, Figures]:
    """By metric: whether what came next is among the first k places, and 1 / place of it (0: not among them)."""
    right = (lists == targets[:, None]) & (lists != NO_ITEM)
    place = np.where(right.any(axis=1), right.argmax(axis=1) + 1, 0)
    figures = dict[str, Figures]()
    for k in (20, 10):
        among = (place > 0) & (place <= k)
        figures[f"hit_rate@{k}"] = among.astype(np.float64)
        figures[f"mrr@{k}"] = np.where(among, 1.0 / np.maximum(place, 1), 0.0)
    return figures


def spread(lists: Lists, views: NDArray[np.int64]) -> tuple[float, float]:
    """Coverage of the items, and mean rank by views, of the first 20 places of all lists."""
    return coverage(lists, len(views), 20), mean_popularity_rank(lists, views.astype(np.float64), 20)


def interval(values: Figures, sessions: NDArray[np.int64], seed: int) -> Interval:
    """The mean of what is no NaN, with the percentile interval of a bootstrap over sessions.

    Beginnings of one session stand or fall together: drawing them one by one would make intervals too narrow.
    """
    there = ~np.isnan(values)
    _, of_session = np.unique(sessions[there], return_inverse=True)
    sums, counts = np.bincount(of_session, values[there]), np.bincount(of_session)
    rng = np.random.default_rng(seed)
    means = np.empty(SAMPLES)
    for sample in range(SAMPLES):
        drawn = rng.integers(0, len(sums), len(sums))
        means[sample] = sums[drawn].sum() / counts[drawn].sum()
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(mean=float(values[there].mean()), low=float(low), high=float(high))


def lead_over_baselines(
    results: tuple[NextItemResult, ...], scope: str, metric: str, sessions: NDArray[np.int64], seed: int
) -> NextItemLead:
    """Compare the last result with the best of the others by this metric, on the same draws of sessions."""
    *baselines, served = results
    best = max(baselines, key=lambda result: result.mean(scope, metric))
    change = served.figures[scope][metric] - best.figures[scope][metric]
    return NextItemLead(metric, best.name, interval(change, sessions, seed))


def show_next_item(report: NextItemReport, console: Console | None = None) -> None:
    """Print what it ran on, a table per scope, and how far the pipeline is ahead."""
    console = console or Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=WIDTH)
    data = report.data
    console.print(
        f"\n{data.sessions} sessions with {data.views} views of {data.items} items taught; asked about "
        f"{data.beginnings} beginnings of {data.test_sessions} sessions.\n"
        f"{data.repeated:.1%} went on with something seen before in the session, {data.unreachable:.1%} with what no "
        f"earlier session had. The trees learnt from {data.lessons} beginnings of the latest sessions that taught.\n"
        "All items are ranked. Figures in per cent; docs/protocol.md says what they mean.\n",
        highlight=False,
    )
    for scope in report.intervals:
        console.print(_table(report.results, scope, SCOPES[scope]))
        for one in report.leads[scope]:
            console.print(_lead(one, report.intervals[scope][one.metric]), highlight=False)
        console.print()


def _lead(lead: NextItemLead, own: Interval) -> str:
    change = lead.difference
    return (
        f"{COLUMNS[lead.metric]} {own.mean:.2%} ({own.low:.2%} to {own.high:.2%}); {change.mean:+.2%} against the best "
        f"baseline ({lead.baseline}), 95 % interval {change.low:+.2%} to {change.high:+.2%}."
    )


def _table(results: tuple[NextItemResult, ...], scope: str, title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("", no_wrap=True)
    for heading in (*COLUMNS.values(), "cover@20", "pop. rank", "seconds", "MiB", "µs/query"):
        table.add_column(heading, justify="right")
    for result in results:
        figures = [f"{100 * result.mean(scope, metric):.2f}" for metric in COLUMNS]
        spread_of = [f"{result.coverage:.3f}", f"{result.popularity_rank:.0f}"]
        costs = [f"{result.seconds:.1f}", f"{result.mebibytes:.0f}", f"{result.microseconds:.0f}"]
        table.add_row(result.name, *figures, *spread_of, *costs, style="bold" if result.name == SERVED else None)
    return table
