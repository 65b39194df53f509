"""What an evaluation found, and what it ran on, as plain values."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from training.evaluate.metrics import Difference, Quality, difference
from training.evaluate.ran_on import RanOn

PIPELINE, WITHOUT_CONSENT = "served pipeline", "without consent"
# The figure that baselines are compared by, per scope.
HEADLINE = {"all": "ndcg@10", "new": "ndcg@20"}
SCOPES = {"all": "All items", "new": "Items new to the shopper"}


@dataclass(frozen=True, slots=True)
class Result:
    """One recommender, measured.

    Attributes:
        quality: by scope, "all" and "new".
        seconds, mebibytes: to learn and to write the lists of all shoppers; memory at its peak above what was in use.
        microseconds: median of one query; None for a baseline, which writes all lists at once.
    """

    name: str
    quality: Mapping[str, Quality]
    seconds: float
    mebibytes: float
    microseconds: float | None = None


@dataclass(frozen=True, slots=True)
class Lead:
    """How far the pipeline is ahead of the best baseline, by the headline figure of a scope."""

    metric: str
    baseline: str
    difference: Difference


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """Every recommender beside every other, on the same shoppers.

    Attributes:
        results: end with the pipeline.
        without_consent: the pipeline, asked by the same shoppers as if none of them had agreed to be known.
    """

    ran_on: RanOn
    results: tuple[Result, ...]
    leads: Mapping[str, Lead]
    without_consent: Result

    def as_json(self) -> str:
        """As programs read it; of each metric the mean over shoppers."""
        whole = {
            "only_real_purchases": True,
            "ran_on": asdict(self.ran_on),
            "results": [_as_plain(result) for result in self.results],
            "leads": {scope: asdict(lead) for scope, lead in self.leads.items()},
            "without_consent": _as_plain(self.without_consent),
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


def lead_over_baselines(results: tuple[Result, ...], scope: str, seed: int) -> Lead:
    """Compare the last result with the best of the others, shopper by shopper."""
    metric = HEADLINE[scope]
    *baselines, pipeline = results
    best = max(baselines, key=lambda result: result.quality[scope].mean(metric))
    ours, theirs = pipeline.quality[scope].per_shopper[metric], best.quality[scope].per_shopper[metric]
    return Lead(metric, best.name, difference(ours, theirs, np.random.default_rng(seed)))
