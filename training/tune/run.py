"""The search for better settings: try, judge on earlier windows, remember, and say what was best."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic

import optuna
from optuna.trial import FrozenTrial, TrialState

from features.progress import ProgressReport
from features.settings import Settings
from recommender.errors import InvalidInput
from recommender.placements import parse_placement
from recommender.retrieval.index import use_one_thread
from training.config import TrainingConfig, read_training_config
from training.inputs import Definitions, code_revision, placements_version
from training.read import TrainingData, read_definitions, read_training_data
from training.tune.judge import Judged, ends_before_test, judge
from training.tune.space import SEARCHED, Number, settings_of, with_settings

STARTING = 8  # trials drawn at random before the search learns from those that were


@dataclass(frozen=True, slots=True)
class Tried:
    """Settings and their figures."""

    settings: dict[str, Number]
    judged: Judged


@dataclass(frozen=True, slots=True)
class TuneReport:
    """What a search has found so far.

    Attributes:
        current: the settings that it started from.
        best: the best of all trials of the study; the current ones if none is better.
        new_trials, all_trials: finished in this run, and in the study.
    """

    study: str
    current: Tried
    best: Tried
    new_trials: int
    all_trials: int

    def changed(self) -> dict[str, Number]:
        """The best settings that differ from the current ones."""
        before = self.current.settings
        return {name: value for name, value in self.best.settings.items() if value != before[name]}


def tune(
    settings: Settings,
    *,
    file: Path,
    trials: int,
    minutes: float,
    n_windows: int,
    until: datetime | None,
    progress: ProgressReport,
    clock: Callable[[], float] = monotonic,
) -> TuneReport:
    """Try settings until `trials` are done or `minutes` have passed; a trial that has begun is finished.

    What is found is kept in `file` (SQLite) after every trial: the next run with the same data, configuration, code and
    windows goes on from there; another study stands in the same file beside it.

    Raises:
        NotEnoughData: too short a history. InvalidInput: the configuration, or the file is no study.
    """
    use_one_thread()
    config, definitions = read_training_config(settings, None), read_definitions(settings)
    placements = {name: parse_placement(name, definition) for name, definition in definitions.items()}
    with progress.step("Read events, catalogue and consents"):
        data = read_training_data(settings, until)
    ends = ends_before_test(data, config, n_windows)
    name = _name_of(data, definitions, config, ends)
    study = _open(file, name, config)
    started, finished = clock(), 0
    with progress.step("Try settings", trials) as step:
        while finished < trials and (clock() - started < 60 * minutes or not _done(study)):
            trial = study.ask({name: _distribution(name, config) for name in SEARCHED})
            judged = judge(data, with_settings(config, trial.params), placements, ends)
            trial.set_user_attr("figures", dict(judged.figures))
            study.tell(trial, judged.value)
            finished += 1
            step.advance()
    done = _done(study)
    return TuneReport(
        study=name,
        current=_tried(done[0]),
        best=_tried(max(done, key=lambda one: (one.value or 0.0, -one.number))),
        new_trials=finished,
        all_trials=len(done),
    )


def _name_of(data: TrainingData, definitions: Definitions, config: TrainingConfig, ends: tuple[float, ...]) -> str:
    """The same inputs, the same study."""
    inputs = {
        "data": data.interactions.fingerprint(), "catalogue": data.change_number, "consents": data.consents,
        "placements": placements_version(definitions), "config": config.as_dict(), "ends": ends,
        "code": code_revision(),
    }  # fmt: skip
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _open(file: Path, name: str, config: TrainingConfig) -> optuna.Study:
    """The study of this name; a new one begins with the current settings."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
    except Exception as error:  # of the driver, of SQLAlchemy or of optuna itself
        message = f"{file} cannot be opened as a study: {error}"
        raise InvalidInput(message, field="study", remedy="Name a new file, in a folder that exists.") from error
    known = {one.study_name for one in optuna.get_all_study_summaries(storage, include_best_trial=False)}
    done = 0
    if name in known:
        done = len(optuna.load_study(study_name=name, storage=storage).trials)
    # Another seed each time it goes on: the same one would draw the same settings again.
    sampler = optuna.samplers.TPESampler(n_startup_trials=STARTING, seed=config.seed + done)
    study = optuna.create_study(
        storage=storage, sampler=sampler, study_name=name, direction="maximize", load_if_exists=True
    )
    if not _done(study):
        study.enqueue_trial(dict(settings_of(config)))
    return study


def _done(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _distribution(name: str, config: TrainingConfig) -> optuna.distributions.BaseDistribution:
    """The bounds of a setting, widened to the current value."""
    bounds, current = SEARCHED[name], settings_of(config)[name]
    low, high = min(bounds.low, current), max(bounds.high, current)
    by_factors = bounds.by_factors and low > 0
    if isinstance(bounds.low, int):
        return optuna.distributions.IntDistribution(int(low), int(high), log=by_factors)
    return optuna.distributions.FloatDistribution(float(low), float(high), log=by_factors)


def _tried(trial: FrozenTrial) -> Tried:
    return Tried(settings=dict(trial.params), judged=Judged(trial.user_attrs["figures"]))
