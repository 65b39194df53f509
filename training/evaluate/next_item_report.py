"""What the protocol next-item found, as plain values."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluate.bootstrap import Interval, intervals_of_groups
from training.evaluate.metrics import NO_ITEM, Lists, coverage, mean_popularity_rank
from training.evaluate.ran_on import FileFacts
from training.evaluate.report import Shown
from training.offers.report import Tenth

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
        lists: by scope, what was shown for each beginning.
        coverage, popularity_rank: of the first 20 places of all lists where everything may be shown.
        seconds, mebibytes: to learn and to write all lists; memory at its peak above what was in use.
        microseconds: of one query: the median of the pipeline; of a baseline, which writes all lists at once, the mean.
    """

    name: str
    figures: Mapping[str, Mapping[str, Figures]]
    lists: Mapping[str, Lists]
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
class NextItemComparison:
    """The pipeline beside a baseline among some of the beginnings, by the first metric of HEADLINE.

    Attributes:
        group, name: "by length", "one item so far", say.
        baseline: the best of all in the scope.
    """

    group: str
    name: str
    scope: str
    beginnings: int
    ours: Interval
    baseline: str
    theirs: Interval
    lead: Interval


@dataclass(frozen=True, slots=True)
class NextItemExample:
    """One beginning, the latest item first, what came next, and what is shown by the pipeline and the best baseline."""

    so_far: tuple[str, ...]
    ours: tuple[Shown, ...]
    baseline: str
    theirs: tuple[Shown, ...]
    target: str


@dataclass(frozen=True, slots=True)
class NextItemReport:
    """Every recommender beside every other, on the same beginnings; the pipeline comes last.

    Attributes:
        intervals: by scope, name and metric; without a scope in which there is no beginning.
        leads: by scope, for each metric of HEADLINE.
        calibration: by scope, how much of what the pipeline shows is right, by tenth of its score.
    """

    data: NextItemData
    results: tuple[NextItemResult, ...]
    intervals: Mapping[str, Mapping[str, Mapping[str, Interval]]]
    leads: Mapping[str, tuple[NextItemLead, ...]]
    comparisons: tuple[NextItemComparison, ...]
    calibration: Mapping[str, tuple[Tenth, ...]]
    examples: tuple[NextItemExample, ...]

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
                scope: {
                    name: {metric: [one.low, one.high] for metric, one in of_metrics.items()}
                    for name, of_metrics in of_names.items()
                }
                for scope, of_names in self.intervals.items()
            },
            "leads": {scope: [asdict(lead) for lead in leads] for scope, leads in self.leads.items()},
            "comparisons": [asdict(one) for one in self.comparisons],
            "calibration": {scope: [asdict(tenth) for tenth in found] for scope, found in self.calibration.items()},
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


def intervals_in(
    results: Sequence[NextItemResult], scope: str, sessions: NDArray[np.int64], seed: int
) -> dict[str, dict[str, Interval]]:
    """By name and metric, over the beginnings of a scope; every one of the same draws of `sessions`."""
    keys = [(result.name, metric) for result in results for metric in COLUMNS]
    found = paired([result.figures[scope][metric] for result in results for metric in COLUMNS], sessions, seed)
    by_key = dict(zip(keys, found, strict=True))
    return {result.name: {metric: by_key[result.name, metric] for metric in COLUMNS} for result in results}


def best_of(results: Sequence[NextItemResult], scope: str, metric: str) -> NextItemResult:
    """The best by a metric; of equals the first."""
    return max(results, key=lambda result: result.mean(scope, metric))


def lead_over_baselines(
    results: Sequence[NextItemResult], scope: str, metric: str, sessions: NDArray[np.int64], seed: int
) -> NextItemLead:
    """Compare the last result with the best of the others by this metric, on the same draws of sessions."""
    *baselines, served = results
    best = best_of(baselines, scope, metric)
    [difference] = paired([served.figures[scope][metric] - best.figures[scope][metric]], sessions, seed)
    return NextItemLead(metric, best.name, difference)


def paired(columns: Sequence[Figures], sessions: NDArray[np.int64], seed: int) -> list[Interval]:
    """Of what is no NaN, the same beginnings in all columns; whole sessions are drawn, never parts of one."""
    there = ~np.isnan(columns[0])
    together = np.column_stack([column[there] for column in columns])
    return intervals_of_groups(together, sessions[there], np.random.default_rng(seed), SAMPLES)
