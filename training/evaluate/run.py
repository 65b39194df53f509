"""The evaluation: learn what was known at the cut, ask about every held-out shopper, measure beside every baseline."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np

from features.progress import ProgressReport
from features.settings import Settings
from recommender.errors import InvalidInput, NotEnoughData
from recommender.ids import PlacementId
from recommender.placements import Placement
from training.config import TrainingConfig, read_training_config
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
from training.evaluate.report import (
    PIPELINE,
    SCOPES,
    EvaluationReport,
    RanOn,
    Result,
    lead_over_baselines,
    original_date,
)
from training.evaluate.table import show
from training.inputs import code_revision
from training.past import Past
from training.read import TrainingData, read_placements, read_training_data
from training.rehearse import rehearse
from training.windows import Windows, cut_windows

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
    report = EvaluationReport(
        ran_on=describe(data, windows, past, config, read_shift_weeks(settings)),
        results=results,
        leads={scope: lead_over_baselines(results, scope, config.seed) for scope in SCOPES},
    )
    if json_file is not None:
        write_json(report, json_file)
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
    past: Past, placements: Mapping[PlacementId, Placement], fitting: Cost, progress: ProgressReport
) -> Result:
    """Measure what requests at the cut would have got; `fitting`: what the model and its rankers cost."""
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
        )
        figures[scope] = _quality(past, measured.lists, scope)
        microseconds.append(float(np.median(measured.microseconds)))
        seconds += float(measured.microseconds.sum()) / 1e6
    return Result(PIPELINE, figures, seconds, fitting.mebibytes, max(microseconds))


def describe(data: TrainingData, windows: Windows, past: Past, config: TrainingConfig, shifted_weeks: int) -> RanOn:
    """What the figures were measured on."""
    held_out, interactions = past.held_out, data.interactions
    for_sale = past.purchases.for_sale
    reachable = held_out.bought.rows < len(for_sale)
    reachable[reachable] = for_sale[held_out.bought.rows[reachable]]
    histories = past.model.histories.position_of
    return RanOn(
        first_at=original_date(interactions.first_day, shifted_weeks),
        cut_at=original_date(past.cut_day, shifted_weeks),
        end_at=original_date(windows.end_day, shifted_weeks),
        shifted_weeks=shifted_weeks,
        shoppers=len(held_out),
        strangers=sum(user not in histories for user in held_out.user_ids),
        shoppers_with_new=int(np.count_nonzero(held_out.new.sizes)),
        bought=float(held_out.bought.sizes.mean()),
        bought_new=float(held_out.new.sizes[held_out.new.sizes > 0].mean()) if len(held_out.new.rows) else 0.0,
        unreachable=float(1.0 - reachable.mean()),
        items=int(np.count_nonzero(for_sale)),
        purchases=len(past.purchases.day),
        rows_without_consent=interactions.rows_without_consent,
        departments_left_out=config.data.left_out_departments,
        code=code_revision(),
        seed=config.seed,
    )


def read_shift_weeks(settings: Settings) -> int:
    """By how many weeks `prepare` moved the dates; 0 for data that came with its own."""
    file = settings.facts_dir / "shift.json"
    return int(json.loads(file.read_text(encoding="utf-8"))["weeks"]) if file.exists() else 0


def write_json(report: EvaluationReport, file: Path) -> None:
    """Write all figures; raises InvalidInput where that is not possible."""
    try:
        file.write_text(report.as_json(), encoding="utf-8")
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror}."
        raise InvalidInput(message, field="json", remedy="Name a file in a folder that exists.") from error


def _quality(past: Past, lists: Lists, scope: str) -> Quality:
    right = past.held_out.bought if scope == "all" else past.held_out.new
    n_assortment = int(np.count_nonzero(past.purchases.for_sale))
    return quality(lists, right, popularity=buyers(past.purchases), n_assortment=n_assortment)
