"""The evaluation: learn what was known at the cut, ask about every held-out shopper, measure beside every baseline."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np

from features.progress import ProgressReport
from features.settings import Settings
from recommender.errors import NotEnoughData
from recommender.ids import PlacementId
from recommender.placements import Placement
from training.config import read_training_config
from training.evaluate.baselines import (
    LENGTH,
    Baseline,
    buyers,
    personal_decay,
    personal_frequency,
    popularity,
    recent_popularity,
)
from training.evaluate.collaborative import (
    bm25_counts,
    bm25_decayed,
    factorisation,
    item_neighbours,
    log_counts,
    unit_log_counts,
)
from training.evaluate.cost import Cost, costing
from training.evaluate.measure import measure_pipeline
from training.evaluate.metrics import Lists, Quality, quality
from training.evaluate.ran_on import describe, read_shift_weeks
from training.evaluate.report import (
    PIPELINE,
    SCOPES,
    WITHOUT_CONSENT,
    EvaluationReport,
    Result,
    lead_over_baselines,
)
from training.evaluate.report_file import check_folder, write_text
from training.evaluate.table import show
from training.past import Past
from training.read import read_placements, read_training_data
from training.rehearse import rehearse
from training.windows import cut_windows

BASELINES: Mapping[str, Baseline] = {
    "popularity": popularity,
    "recent popularity, 56 d": recent_popularity(56.0),
    "recent popularity, 28 d": recent_popularity(28.0),
    "personal frequency": personal_frequency,
    "personal frequency, decay 120 d": personal_decay,
    "item-kNN, cosine, 50": item_neighbours(unit_log_counts, 50),
    "item-kNN, BM25, 200": item_neighbours(bm25_counts, 200),
    "ALS, log counts": factorisation(log_counts),
    "ALS, BM25 x decay": factorisation(bm25_decayed),
}
PLACEMENT_OF_SCOPE = {"all": PlacementId("home"), "new": PlacementId("discover")}


def evaluate(
    settings: Settings, *, until: datetime | None, json_file: Path | None, progress: ProgressReport
) -> EvaluationReport:
    """Measure the served pipeline beside every baseline on the last window of the data, and print it.

    What is measured is fitted here, on what precedes the cut: the artifact that serves has seen the test window.
    docs/protocol.md says what the figures mean.

    Raises:
        NotEnoughData: no purchases, or too short a history to hold a window out.
        InvalidInput: the configuration, or `json_file` cannot be written.
    """
    if json_file is not None:
        check_folder(json_file)
    config = read_training_config(settings, None)
    placements = read_placements(settings)
    with progress.step("Read events, catalogue and consents"):
        data = read_training_data(settings, until)
    windows = cut_windows(data.interactions.first_day, data.interactions.end_day, config.windows)
    rehearsal, cost = costing(lambda: rehearse(data, windows, placements, config, progress))
    past = rehearsal.past
    if past is None or not len(past.held_out):
        needed = config.windows.min_history_days + config.windows.window_days
        message = f"No window of {config.windows.window_days:g} days with purchases can be held out."
        raise NotEnoughData(message, remedy=f"Bring at least {needed:g} days of purchases.")
    results = (*measure_baselines(past, progress), measure_served(past, placements, cost, progress))
    without_consent = measure_served(past, placements, cost, progress, permitted=False)
    report = EvaluationReport(
        ran_on=describe(data, windows, past, config, read_shift_weeks(settings)),
        results=results,
        leads={scope: lead_over_baselines(results, scope, config.seed) for scope in SCOPES},
        without_consent=without_consent,
    )
    if json_file is not None:
        write_text(report.as_json(), json_file)
    show(report)
    return report


def measure_baselines(past: Past, progress: ProgressReport) -> list[Result]:
    """Measure every baseline, with what it cost."""
    results = list[Result]()
    for name, baseline in BASELINES.items():
        with progress.step(f"Baseline: {name}"):
            lists, cost = costing(lambda baseline=baseline: baseline(past.purchases))
        figures = {"all": _quality(past, lists.every, "all"), "new": _quality(past, lists.new, "new")}
        results.append(Result(name, figures, cost.seconds, cost.mebibytes))
    return results


def measure_served(
    past: Past,
    placements: Mapping[PlacementId, Placement],
    fitting: Cost,
    progress: ProgressReport,
    *,
    permitted: bool = True,
) -> Result:
    """Measure what requests at the cut would have got, with the shoppers' permission to know them or without.

    `fitting`: what the model and its rankers cost.
    """
    figures, seconds, microseconds = dict[str, Quality](), fitting.seconds, list[float]()
    for scope, placement_id in PLACEMENT_OF_SCOPE.items():
        measured = measure_pipeline(
            past.model,
            past.catalogue,
            placements[placement_id],
            past.held_out,
            now_day=past.cut_day,
            limit=LENGTH,
            progress=progress,
            permitted=permitted,
        )
        figures[scope] = _quality(past, measured.lists, scope)
        microseconds.append(float(np.median(measured.microseconds)))
        seconds += float(measured.microseconds.sum()) / 1e6
    name = PIPELINE if permitted else WITHOUT_CONSENT
    return Result(name, figures, seconds, fitting.mebibytes, max(microseconds))


def _quality(past: Past, lists: Lists, scope: str) -> Quality:
    right = past.held_out.bought if scope == "all" else past.held_out.new
    n_assortment = int(np.count_nonzero(past.purchases.for_sale))
    return quality(lists, right, popularity=buyers(past.purchases), n_assortment=n_assortment)
