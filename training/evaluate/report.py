"""What an evaluation found, and what it ran on, as plain values."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.evaluate.bootstrap import Interval, intervals
from training.evaluate.metrics import Lists, Quality
from training.evaluate.ran_on import RanOn
from training.evaluate.trial import Scope
from training.offers.report import Tenth

PIPELINE, WITHOUT_CONSENT = "served pipeline", "without consent"


@dataclass(frozen=True, slots=True)
class Result:
    """One recommender, measured.

    Attributes:
        quality: by scope.
        lists: by scope, what each shopper was shown.
        scores: by scope, of the same places, as the ranker gives them; empty for a baseline.
        seconds, mebibytes: to learn and to write the lists of all shoppers; memory at its peak above what was in use.
        microseconds: of one query: the median of the pipeline; of a baseline, which writes all lists at once, the mean.
    """

    name: str
    quality: Mapping[str, Quality]
    lists: Mapping[str, Lists]
    seconds: float
    mebibytes: float
    microseconds: float
    scores: Mapping[str, NDArray[np.float32]] = field(default_factory=dict[str, NDArray[np.float32]])


@dataclass(frozen=True, slots=True)
class Lead:
    """How far the pipeline is ahead of the best baseline, by the headline figure of a scope."""

    metric: str
    baseline: str
    difference: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The pipeline beside a baseline, among some shoppers or in some situation.

    Attributes:
        group, name: "shoppers by history", "1 to 20 purchases", say.
        shoppers: with something right.
        baseline: the best of those that are compared with, among all who are asked.
    """

    group: str
    name: str
    scope: str
    metric: str
    shoppers: int
    ours: Interval
    baseline: str
    theirs: Interval
    lead: Interval


@dataclass(frozen=True, slots=True)
class Shown:
    """An item of a list, in words, and whether the shopper bought it afterwards."""

    title: str
    right: bool


@dataclass(frozen=True, slots=True)
class Example:
    """One shopper: what they had bought, the latest first, what we show, and what the best baseline shows.

    Attributes:
        bought: how many items are right in all.
    """

    history: tuple[str, ...]
    ours: tuple[Shown, ...]
    baseline: str
    theirs: tuple[Shown, ...]
    bought: int


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """Every recommender beside every other, on the same shoppers.

    Attributes:
        results: end with the pipeline.
        intervals: by scope and name of the recommender, of each metric.
        without_consent: the pipeline, asked by the same shoppers as if none of them had agreed to be known.
        comparisons: for some shoppers, and in some situations.
        calibration: by scope, how much of what the pipeline shows is right, by tenth of its score.
        examples: lists of a few shoppers.
    """

    ran_on: RanOn
    scopes: tuple[Scope, ...]
    results: tuple[Result, ...]
    intervals: Mapping[str, Mapping[str, Mapping[str, Interval]]]
    leads: Mapping[str, Lead]
    without_consent: Result
    comparisons: tuple[Comparison, ...] = ()
    calibration: Mapping[str, tuple[Tenth, ...]] = field(default_factory=dict[str, tuple[Tenth, ...]])
    examples: tuple[Example, ...] = ()

    def as_json(self) -> str:
        """As programs read it; of each metric the mean over shoppers, and its interval."""
        whole = {
            "only_real_purchases": True,
            "ran_on": asdict(self.ran_on),
            "results": [_as_plain(result) for result in self.results],
            "intervals": {
                scope: {
                    name: {metric: [one.low, one.high] for metric, one in of_metrics.items()}
                    for name, of_metrics in of_names.items()
                }
                for scope, of_names in self.intervals.items()
            },
            "leads": {scope: asdict(lead) for scope, lead in self.leads.items()},
            "without_consent": _as_plain(self.without_consent),
            "comparisons": [asdict(one) for one in self.comparisons],
            "calibration": {scope: [asdict(tenth) for tenth in found] for scope, found in self.calibration.items()},
        }
        return json.dumps(whole, indent=2) + "\n"

    def beside_consent(self) -> tuple[Result, ...]:
        """The least and the most that the pipeline without consent is to be compared with, and itself between them."""
        return self.results[0], self.without_consent, self.results[-1]


def _as_plain(result: Result) -> dict[str, object]:
    return {
        "name": result.name,
        "quality": {scope: quality.means() for scope, quality in result.quality.items()},
        "seconds": result.seconds,
        "mebibytes": result.mebibytes,
        "microseconds_per_query": result.microseconds,
    }


def best_of(results: Sequence[Result], scope: Scope) -> Result:
    """The recommender with the highest headline figure; of equals the first."""
    return max(results, key=lambda result: result.quality[scope.name].mean(scope.headline))


def lead_over_baselines(results: Sequence[Result], scope: Scope, seed: int) -> Lead:
    """Compare the last result with the best of the others, shopper by shopper."""
    *baselines, pipeline = results
    best = best_of(baselines, scope)
    ours, theirs = (one.quality[scope.name].per_shopper[scope.headline] for one in (pipeline, best))
    (difference,) = intervals(among(ours[:, None] - theirs[:, None]), np.random.default_rng(seed))
    return Lead(scope.headline, best.name, difference)


def intervals_of(results: Sequence[Result], scope: Scope, seed: int) -> dict[str, dict[str, Interval]]:
    """Of each recommender and metric, over the same draws of shoppers."""
    keys = [(result.name, metric) for result in results for metric in result.quality[scope.name].per_shopper]
    of_name = {result.name: result.quality[scope.name].per_shopper for result in results}
    columns = among(np.column_stack([of_name[name][metric] for name, metric in keys]))
    found = dict(zip(keys, intervals(columns, np.random.default_rng(seed)), strict=True))
    return {name: {metric: found[name, metric] for metric in of_name[name]} for name in of_name}


def compare(
    about: tuple[str, str], scope: Scope, ours: Quality, theirs: Quality, baseline: str, chosen: NDArray[np.bool_],
    seed: int,
) -> Comparison | None:  # fmt: skip
    """Compare two by the headline of a scope among the chosen shoppers; None: none of them has anything right.

    `about`: group and name.
    """
    metric = scope.headline
    pair = np.column_stack([one.per_shopper[metric][chosen] for one in (ours, theirs)])
    pair = among(pair)
    if not len(pair):
        return None
    columns = np.column_stack([pair, pair[:, 0] - pair[:, 1]])
    mine, other, lead = intervals(columns, np.random.default_rng(seed))
    return Comparison(
        group=about[0], name=about[1], scope=scope.name, metric=metric, shoppers=len(pair),
        ours=mine, baseline=baseline, theirs=other, lead=lead,
    )  # fmt: skip


def among(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rows of shoppers who have something right."""
    return columns[~np.isnan(columns[:, 0])]
