"""Measuring a model of the past beside the cheap baselines, on the window after its cut."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

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
from training.evaluate.metrics import Lists, Quality, Relevant, difference, quality
from training.evaluate.report import Lead
from training.past import Past

CHEAP_BASELINES: Mapping[str, Baseline] = {
    "recent popularity, 28 days": recent_popularity(28.0),
    "personal frequency, decay 120 days": personal_decay,
}  # the hardest to beat; `evaluate` measures all of them
# Placements that are measured, and whether only items new to the shopper count there.
MEASURED = {PlacementId("home"): False, PlacementId("discover"): True}

Metrics = Mapping[str, float]


# The figure by which baselines are compared.
HEADLINE = {PlacementId("home"): "ndcg@10", PlacementId("discover"): "ndcg@20"}


@dataclass(frozen=True, slots=True)
class Examination:
    """Figures on one window: metric -> value, by placement; for baselines by name, then placement.

    Attributes:
        leads: by placement, how far the pipeline is ahead of the best of the baselines.
    """

    pipeline: Mapping[str, Metrics]
    baselines: Mapping[str, Mapping[str, Metrics]]
    leads: Mapping[str, Lead]
    n_shoppers: int

    def as_dict(self) -> dict[str, object]:
        """For the manifest."""
        leads = {placement: asdict(lead) for placement, lead in self.leads.items()}
        return {**self.pipeline, "baselines": self.baselines, "leads": leads, "shoppers": self.n_shoppers}


def examine(
    past: Past, placements: Mapping[PlacementId, Placement], progress: ProgressReport, seed: int
) -> Examination:
    """Measure the served pipeline and the cheap baselines; `seed` draws the shoppers of intervals."""
    pipeline = _ask(past, placements, progress)
    baselines = dict[str, Mapping[PlacementId, Quality]]()
    with progress.step("Measure the baselines", len(CHEAP_BASELINES)) as step:
        for name, baseline in CHEAP_BASELINES.items():
            lists = baseline(past.purchases)
            baselines[name] = {
                placement: _quality(past, lists.new if new else lists.every, new=new)
                for placement, new in MEASURED.items()
            }
            step.advance()
    return Examination(
        pipeline=_figures(pipeline),
        baselines={name: _figures(of_placement) for name, of_placement in baselines.items()},
        leads={
            placement: _lead(pipeline, baselines, placement, seed)
            for placement, new in MEASURED.items()
            if len((past.held_out.new if new else past.held_out.bought).rows)
        },
        n_shoppers=len(past.held_out),
    )


def examine_pipeline(
    past: Past, placements: Mapping[PlacementId, Placement], progress: ProgressReport
) -> Mapping[str, Metrics]:
    """Measure what requests at the cut would have got."""
    return _figures(_ask(past, placements, progress))


def _ask(
    past: Past, placements: Mapping[PlacementId, Placement], progress: ProgressReport
) -> Mapping[PlacementId, Quality]:
    found = dict[PlacementId, Quality]()
    for placement, new in MEASURED.items():
        measured = measure_pipeline(
            past.model, past.catalogue, placements[placement], past.held_out,
            now_day=past.cut_day, limit=LENGTH, progress=progress,
        )  # fmt: skip
        found[placement] = _quality(past, measured.lists, new=new)
    return found


def _quality(past: Past, lists: Lists, *, new: bool) -> Quality:
    relevant: Relevant = past.held_out.new if new else past.held_out.bought
    n_assortment = int(np.count_nonzero(past.purchases.for_sale))
    return quality(lists, relevant, popularity=buyers(past.purchases), n_assortment=n_assortment)


def _figures(found: Mapping[PlacementId, Quality]) -> Mapping[str, Metrics]:
    return {
        placement: {name: round(value, 6) for name, value in measured.means().items()}
        for placement, measured in found.items()
    }


def _lead(
    pipeline: Mapping[PlacementId, Quality],
    baselines: Mapping[str, Mapping[PlacementId, Quality]],
    placement: PlacementId,
    seed: int,
) -> Lead:
    metric = HEADLINE[placement]
    best = max(baselines, key=lambda name: baselines[name][placement].mean(metric))
    ours, theirs = (one[placement].per_shopper[metric] for one in (pipeline, baselines[best]))
    return Lead(metric, best, difference(ours, theirs, np.random.default_rng(seed)))
