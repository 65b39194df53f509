"""The evaluation: learn what a protocol allows, ask about every held-out shopper, measure beside every baseline."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.placements_file import read_placements_text
from features.progress import ProgressReport
from features.settings import Settings
from recommender.errors import InvalidInput, NotEnoughData
from recommender.placements import load_placements
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
from training.evaluate.cost import costing
from training.evaluate.examples import calibrate, pick_examples, relevant_of
from training.evaluate.given_split import PROTOCOL as GIVEN_SPLIT
from training.evaluate.given_split import given_split
from training.evaluate.leave_last import PROTOCOL as LEAVE_LAST
from training.evaluate.leave_last import leave_last
from training.evaluate.linear import linear_items
from training.evaluate.measure import measure_pipeline
from training.evaluate.metrics import Lists, Quality, quality
from training.evaluate.new_shoppers import with_little_known
from training.evaluate.page import make_folder, write_page
from training.evaluate.ran_on import describe
from training.evaluate.report import (
    PIPELINE,
    WITHOUT_CONSENT,
    EvaluationReport,
    Result,
    intervals_of,
    lead_over_baselines,
)
from training.evaluate.report_file import check_folder, write_text
from training.evaluate.segments import by_segment
from training.evaluate.sequences import nearest_shoppers, sequential_rules
from training.evaluate.table import show
from training.evaluate.time_split import PROTOCOL as TIME_SPLIT
from training.evaluate.time_split import time_split
from training.evaluate.trial import NEW, Scope, Trial, Wanted
from training.read import read_placements

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
    "EASE, decay 120 d": linear_items(200.0),
    "sequential rules": sequential_rules,
    "VS-kNN, 200": nearest_shoppers(200),
}


def evaluate(
    settings: Settings,
    *,
    progress: ProgressReport,
    protocol: str = TIME_SPLIT,
    wanted: Wanted | None = None,
    json_file: Path | None = None,
    report_folder: Path | None = None,
) -> EvaluationReport:
    """Measure the served pipeline beside every baseline, and print it.

    What is measured is fitted here, on what precedes the cut: the artifact that serves has seen the test window.
    docs/protocol.md says what the figures mean.

    Raises:
        NotEnoughData: no purchases, or too short a history to hold any out.
        InvalidInput: the configuration, a file of others, or what is to be written cannot be.
    """
    if json_file is not None:
        check_folder(json_file)
    if report_folder is not None:
        make_folder(report_folder)
    trial = with_answers(prepare(settings, protocol, wanted or Wanted(), progress))
    report = measure(trial, progress)
    if json_file is not None:
        write_text(report.as_json(), json_file)
    if report_folder is not None:
        write_page(report, report_folder)
    show(report)
    return report


def prepare(settings: Settings, protocol: str, wanted: Wanted, progress: ProgressReport) -> Trial:
    """Learn what the protocol allows, and hold out what it tests."""
    config = read_training_config(settings, None)
    own = protocol == TIME_SPLIT and wanted.train is None  # files of others need no store of ours
    placements = read_placements(settings) if own else load_placements(read_placements_text(settings))
    if protocol == TIME_SPLIT:
        return time_split(settings, wanted, placements, config, progress)
    if protocol == LEAVE_LAST:
        return leave_last(wanted, placements, config, progress)
    if protocol == GIVEN_SPLIT:
        return given_split(wanted, placements, config, progress)
    remedy = f"Use {TIME_SPLIT}, {LEAVE_LAST} or {GIVEN_SPLIT}."
    raise InvalidInput(f"There is no protocol {protocol!r}.", field="protocol", remedy=remedy)


def with_answers(trial: Trial) -> Trial:
    """The same with those scopes alone in which somebody has something right."""
    scopes = tuple(scope for scope in trial.scopes if len(relevant_of(trial, scope).rows))
    if not scopes:
        message = "Nothing of what is held out can be asked for: the shoppers had bought all of it before."
        raise NotEnoughData(message, remedy="Hold out what is new to a shopper, or choose --protocol time-split.")
    return replace(trial, scopes=scopes)


def measure(trial: Trial, progress: ProgressReport) -> EvaluationReport:
    """Measure every baseline, then the pipeline, on the shoppers of a trial."""
    results = (*measure_baselines(trial, progress), measure_served(trial, progress))
    seed = trial.config.seed
    with progress.step("Ask for shoppers of whom little is known"):
        little_known = with_little_known(trial)
    with progress.step("Draw the shoppers anew, for intervals"):
        return EvaluationReport(
            ran_on=describe(trial),
            scopes=trial.scopes,
            results=results,
            intervals={scope.name: intervals_of(results, scope, seed) for scope in trial.scopes},
            leads={scope.name: lead_over_baselines(results, scope, seed) for scope in trial.scopes},
            without_consent=measure_served(trial, progress, permitted=False),
            comparisons=(*by_segment(trial, results), *little_known),
            calibration={scope.name: calibrate(trial, scope, results[-1]) for scope in trial.scopes},
            examples=pick_examples(trial, results),
        )


def measure_baselines(trial: Trial, progress: ProgressReport) -> list[Result]:
    """Measure every baseline, with what it cost."""
    results, past = list[Result](), trial.past
    for name, baseline in BASELINES.items():
        with progress.step(f"Baseline: {name}"):
            lists, cost = costing(lambda baseline=baseline: baseline(past.purchases))
        shown = {scope.name: lists.new if scope.name == NEW else lists.every for scope in trial.scopes}
        figures = {scope.name: quality_of(trial, shown[scope.name], scope) for scope in trial.scopes}
        microseconds = 1e6 * lists.seconds / (2 * past.purchases.n_asked)
        results.append(Result(name, figures, shown, cost.seconds, cost.mebibytes, microseconds))
    return results


def measure_served(trial: Trial, progress: ProgressReport, *, permitted: bool = True) -> Result:
    """Measure what requests at the cut would have got, with the shoppers' permission to know them or without."""
    past, shown, scores = trial.past, dict[str, Lists](), dict[str, NDArray[np.float32]]()
    figures, seconds, microseconds = dict[str, Quality](), trial.fitting.seconds, list[float]()
    for scope in trial.scopes:
        measured = measure_pipeline(
            past.model,
            past.catalogue,
            trial.placements[scope.placement],
            past.held_out,
            now_day=past.cut_day,
            limit=LENGTH,
            progress=progress,
            permitted=permitted,
        )
        shown[scope.name], scores[scope.name] = measured.lists, measured.scores
        figures[scope.name] = quality_of(trial, measured.lists, scope)
        microseconds.append(float(np.median(measured.microseconds)))
        seconds += float(measured.microseconds.sum()) / 1e6
    name = PIPELINE if permitted else WITHOUT_CONSENT
    return Result(name, figures, shown, seconds, trial.fitting.mebibytes, max(microseconds), scores)


def quality_of(trial: Trial, lists: Lists, scope: Scope) -> Quality:
    """The figures of lists, one per shopper who is asked about."""
    past, right = trial.past, relevant_of(trial, scope)
    n_assortment = int(np.count_nonzero(past.purchases.for_sale))
    return quality(lists, right, popularity=buyers(past.purchases), n_assortment=n_assortment)
