"""The protocol next-item: each beginning of a session asks for the item that came next, through the served pipeline."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from features.progress import ProgressReport
from features.settings import Settings
from recommender.arrays import Rows
from recommender.catalogue import Catalogue
from recommender.decide import decide
from recommender.errors import NotEnoughData
from recommender.model import Model
from recommender.placements import Placement
from recommender.query import Query
from recommender.unlearned import unlearned_model
from training.config import TrainingConfig, read_training_config
from training.evaluate.cost import Cost, costing
from training.evaluate.foreign import catalogue_of
from training.evaluate.metrics import NO_ITEM, Lists
from training.evaluate.next_item_examples import calibrate, pick_examples
from training.evaluate.next_item_files import SessionFiles, read_session_files
from training.evaluate.next_item_page import write_next_item_page
from training.evaluate.next_item_report import (
    AGAIN,
    HEADLINE,
    SERVED,
    UNSEEN,
    Figures,
    NextItemData,
    NextItemReport,
    NextItemResult,
    figures_of,
    intervals_in,
    lead_over_baselines,
    spread,
)
from training.evaluate.next_item_segments import compare_segments
from training.evaluate.next_item_table import show_next_item
from training.evaluate.page import make_folder
from training.evaluate.ran_on import facts_of, machine, versions
from training.evaluate.report_file import check_folder, write_text
from training.evaluate.session_baselines import LENGTH, SESSION_BASELINES
from training.inputs import code_revision
from training.learn_sessions import LearntSessions, learn_sessions, with_sessions
from training.visits import SHOWN_AGAIN, Beginnings, visitor

PLACEMENTS = {AGAIN: SHOWN_AGAIN, UNSEEN: replace(SHOWN_AGAIN, exclude=frozenset({"viewed"}))}


def evaluate_next_item(
    settings: Settings,
    train: Path,
    test: Path | None,
    *,
    json_file: Path | None,
    report_folder: Path | None,
    progress: ProgressReport,
) -> NextItemReport:
    """Measure the served pipeline beside every baseline on sessions, and print it.

    Nothing of the test is learnt from, nor any setting chosen by it: what is tuned is tuned on the last sessions that
    teach. docs/protocol.md says what the figures mean.

    Args:
        test: None: the latest tenth of the sessions of `train`.

    Raises:
        NotEnoughData: too few sessions. InvalidInput: a file, the configuration, or what is to be written cannot be.
    """
    if json_file is not None:
        check_folder(json_file)
    if report_folder is not None:
        make_folder(report_folder)
    config = read_training_config(settings, None)
    with progress.step("Read the sessions"):
        files = read_session_files(train, test)
    if len(files.sessions) < config.sessions.min_sessions:
        message = f"{train} has {len(files.sessions)} sessions of two views or more to learn from."
        raise NotEnoughData(message, remedy=f"Give at least {config.sessions.min_sessions}, or lower min_sessions.")
    catalogue = catalogue_of(files.item_ids)
    (model, learnt), cost = costing(lambda: _learn(files, catalogue, config, progress))
    answers = {
        scope: _ask(files.asked, catalogue, model, PLACEMENTS[scope], progress) for scope in scopes_of(files.asked)
    }
    results = (*_baselines(files, progress), _served(files, answers, cost))
    asked, seed, figures = files.asked, config.seed, results[-1].figures
    report = NextItemReport(
        data=_describe(files, {"train": train, "test": test}, learnt, config),
        results=results,
        intervals={scope: intervals_in(results, scope, asked.sessions, seed) for scope in answers},
        leads={
            scope: tuple(lead_over_baselines(results, scope, m, asked.sessions, seed) for m in HEADLINE)
            for scope in answers
        },
        comparisons=compare_segments(results, asked, _views(files), seed),
        calibration={
            scope: calibrate(answer.lists, answer.scores, asked.targets, ~np.isnan(figures[scope][HEADLINE[0]]))
            for scope, answer in answers.items()
        },
        examples=pick_examples(results, list(answers)[-1], asked, files.item_ids, seed),
    )
    if json_file is not None:
        write_text(report.as_json(), json_file)
    if report_folder is not None:
        write_next_item_page(report, report_folder)
    show_next_item(report)
    return report


def _learn(
    files: SessionFiles, catalogue: Catalogue, config: TrainingConfig, progress: ProgressReport
) -> tuple[Model, LearntSessions]:
    """A model of sessions and nothing else, and how it was learnt."""
    plain = unlearned_model()
    most_viewed = np.argsort(-_views(files), kind="stable").astype(np.int32)  # what fills a list up
    plain = replace(plain, popularity=replace(plain.popularity, ranking=most_viewed))
    learnt = learn_sessions(files.sessions, plain, catalogue, config, progress)
    return replace(plain, sessions=learnt.index, rankers=with_sessions({}, learnt.trees)), learnt


def _baselines(files: SessionFiles, progress: ProgressReport) -> list[NextItemResult]:
    """Every baseline, with what it cost."""
    results = list[NextItemResult]()
    for name, baseline in SESSION_BASELINES.items():
        with progress.step(f"Baseline: {name}"):
            lists, cost = costing(lambda b=baseline: b(files.sessions, files.asked, len(files.item_ids)))
            every = {AGAIN: lists[:, :LENGTH], UNSEEN: without_seen(lists, files.asked)}
        by_scope = {scope: every[scope] for scope in scopes_of(files.asked)}
        results.append(_result(name, files, by_scope, cost, 1e6 * cost.seconds / len(files.asked)))
    return results


def without_seen(lists: Lists, asked: Beginnings) -> Lists:
    """The first LENGTH of each list that its session had not seen."""
    kept: Lists = np.full((len(lists), LENGTH), NO_ITEM, dtype=np.int32)
    for number, shown in enumerate(lists):
        new = shown[~np.isin(shown, asked.of(number))][:LENGTH]
        kept[number, : len(new)] = new
    return kept


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the pipeline answered, its scores, and the microseconds of each query: shopper assembled, list decided."""

    lists: Lists
    scores: NDArray[np.float32]
    microseconds: NDArray[np.float64]


def _served(files: SessionFiles, answers: Mapping[str, _Asked], fitting: Cost) -> NextItemResult:
    seconds = fitting.seconds + sum(float(answer.microseconds.sum()) / 1e6 for answer in answers.values())
    lists = {scope: answer.lists for scope, answer in answers.items()}
    microseconds = float(np.median(answers[AGAIN].microseconds))
    return _result(SERVED, files, lists, Cost(seconds, fitting.mebibytes), microseconds)


def _ask(
    asked: Beginnings, catalogue: Catalogue, model: Model, placement: Placement, progress: ProgressReport
) -> _Asked:
    lists: Lists = np.full((len(asked), LENGTH), NO_ITEM, dtype=np.int32)
    scores = np.full((len(asked), LENGTH), np.nan, dtype=np.float32)
    microseconds = np.zeros(len(asked))
    query = Query(placement=placement.placement_id, limit=LENGTH)
    title = f"Ask about {len(asked)} beginnings, {'without' if placement.exclude else 'with'} what was seen"
    with threadpool_limits(1), progress.step(title, len(asked)) as step:
        for number in range(len(asked)):
            started = perf_counter_ns()
            shopper = visitor(asked.of(number), model, catalogue, model.cut_day)
            decision = decide(query, placement, shopper, catalogue, model, model.cut_day)
            microseconds[number] = (perf_counter_ns() - started) / 1000
            lists[number, : len(decision.rows)] = decision.rows
            scores[number, : len(decision.rows)] = decision.scores
            step.advance()
    return _Asked(lists, scores, microseconds)


def _result(name: str, files: SessionFiles, lists: dict[str, Lists], cost: Cost, microseconds: float) -> NextItemResult:
    seen = already_seen(files.asked)
    figures = {scope: dict[str, Figures]() for scope in lists}
    for scope, of_scope in figures.items():
        for metric, values in figures_of(lists[scope], files.asked.targets).items():
            of_scope[metric] = np.where(seen, np.nan, values) if scope == UNSEEN else values
    covered, rank = spread(lists[AGAIN], _views(files))
    return NextItemResult(name, figures, lists, covered, rank, cost.seconds, cost.mebibytes, microseconds)


def _views(files: SessionFiles) -> NDArray[np.int64]:
    """(n_items,) in the sessions that teach."""
    return np.bincount(files.sessions.rows, minlength=len(files.item_ids))


def scopes_of(asked: Beginnings) -> tuple[str, ...]:
    """The scopes in which there is a beginning: none went on with something new where sessions only look back."""
    return (AGAIN,) if already_seen(asked).all() else (AGAIN, UNSEEN)


def already_seen(asked: Beginnings) -> NDArray[np.bool_]:
    """(n_asked,) whether what came next had been seen before in the session."""
    return np.array([asked.targets[number] in asked.of(number) for number in range(len(asked))], dtype=np.bool_)


def _describe(
    files: SessionFiles, named: Mapping[str, Path | None], learnt: LearntSessions, config: TrainingConfig
) -> NextItemData:
    targets: Rows = files.asked.targets
    return NextItemData(
        files={option: facts_of(file) for option, file in named.items() if file is not None},
        sessions=len(files.sessions),
        views=len(files.sessions.rows),
        items=len(files.item_ids),
        beginnings=len(targets),
        test_sessions=len(np.unique(files.asked.sessions)),
        repeated=float(already_seen(files.asked).mean()),
        unreachable=float((targets >= len(files.item_ids)).mean()),
        lessons=learnt.lessons,
        check=learnt.check,
        seed=config.seed,
        code=code_revision(),
        settings=asdict(config.sessions),
        versions=versions(),
        machine=machine(),
    )
