"""Measuring a model of the past beside the cheap baselines, on the window after its cut."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from features.progress import ProgressReport
from recommender.ids import PlacementId
from recommender.placements import Placement
from training.evaluate.baselines import (
    LENGTH,
    Baseline,
    buyers,
    personal_decay,
    recent_popularity,
)
from training.evaluate.measure import measure_pipeline
from training.evaluate.metrics import Lists, Relevant, quality
from training.past import Past

CHEAP_BASELINES: Mapping[str, Baseline] = {
    "recent popularity, 28 days": recent_popularity(28.0),
    "personal frequency, decay 120 days": personal_decay,
}  # the hardest to beat; `evaluate` measures all of them
# Placements that are measured, and whether only items new to the shopper count there.
MEASURED = {PlacementId("home"): False, PlacementId("discover"): True}

Metrics = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Examination:
    """Figures on one window: metric -> value, by placement; for baselines by name, then placement."""

    pipeline: Mapping[str, Metrics]
    baselines: Mapping[str, Mapping[str, Metrics]]
    n_shoppers: int

    def as_dict(self) -> dict[str, object]:
        """For the manifest."""
        return {**self.pipeline, "baselines": self.baselines, "shoppers": self.n_shoppers}


def examine(past: Past, placements: Mapping[PlacementId, Placement], progress: ProgressReport) -> Examination:
    """Measure the served pipeline and the cheap baselines."""
    pipeline = examine_pipeline(past, placements, progress)
    baselines = dict[str, Mapping[str, Metrics]]()
    with progress.step("Measure the baselines", len(CHEAP_BASELINES)) as step:
        for name, baseline in CHEAP_BASELINES.items():
            lists = baseline(past.purchases)
            baselines[name] = {
                placement: _metrics(past, lists.new if new else lists.every, new=new)
                for placement, new in MEASURED.items()
            }
            step.advance()
    return Examination(pipeline, baselines, len(past.held_out))


def examine_pipeline(
    past: Past, placements: Mapping[PlacementId, Placement], progress: ProgressReport
) -> Mapping[str, Metrics]:
    """Measure what requests at the cut would have got."""
    figures = dict[str, Metrics]()
    for placement, new in MEASURED.items():
        measured = measure_pipeline(
            past.model, past.catalogue, placements[placement], past.held_out,
            now_day=past.cut_day, limit=LENGTH, progress=progress,
        )  # fmt: skip
        figures[placement] = _metrics(past, measured.lists, new=new)
    return figures


def _metrics(past: Past, lists: Lists, *, new: bool) -> Metrics:
    relevant: Relevant = past.held_out.new if new else past.held_out.bought
    n_assortment = int(np.count_nonzero(past.purchases.for_sale))
    means = quality(lists, relevant, popularity=buyers(past.purchases), n_assortment=n_assortment).means()
    return {name: round(value, 6) for name, value in means.items()}
