"""The evaluation of the response to coupons: learnt from sendings that had ended, tried on those that began later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.progress import ProgressReport
from features.settings import Settings
from recommender.arrays import Mask
from recommender.errors import InvalidInput, NotEnoughData
from recommender.offers.response import fallback_terms, response_probability
from recommender.offers.response_features import RESPONSE_FEATURES
from recommender.offers.response_model import ResponseModel
from training.config import TrainingConfig, read_training_config
from training.evaluate.ran_on import original_date, read_shift_weeks
from training.evaluate.report_file import check_folder, write_text
from training.inputs import code_revision
from training.offers.campaign_types import read_types
from training.offers.examples import Examples
from training.offers.history import Sending
from training.offers.learn import open_bench
from training.offers.logistic import fit_response
from training.offers.metrics import Ranked, resampled
from training.offers.plots import write_plots
from training.offers.report import BOUGHT, COUNTS, EVERYONE, FALLBACK, MODEL, CouponReport, Scored, TypeReport, tenths
from training.read import TrainingData, read_training_data

TEST_DAYS = 92.0  # at the end of the data
OBSERVED_DAYS = 7.0  # of a sending with less in the data, most redemptions are yet to come
SAMPLES = 300  # of the bootstrap


@dataclass(frozen=True, slots=True)
class Split:
    """Sendings by their place: those that teach, those that are foreseen, and those that began too late for it."""

    before: list[int]
    after: list[int]
    too_late: list[int]


def evaluate_coupons(
    settings: Settings, *, since: datetime | None, json_file: Path | None, report: Path | None, progress: ProgressReport
) -> CouponReport:
    """Measure how well redemptions are foreseen, beside what needs no learning (docs/offers-quality.md).

    Args:
        since: sendings that ended by then teach, those that begin later are foreseen; None: TEST_DAYS before the end
            of the data.
        json_file, report: where the figures, and the folder where the plots go; None: nowhere.

    Raises:
        NotEnoughData: no redemptions on one side of `since`.
        InvalidInput: the configuration, or what is to be written cannot be.
    """
    if json_file is not None:
        check_folder(json_file)
    if report is not None:
        _make(report)
    config = read_training_config(settings, None)
    with progress.step("Read events, campaigns and consents"):
        data = read_training_data(settings, None)
    end_day = data.interactions.end_day
    since_day = end_day - TEST_DAYS if since is None else since.astimezone(UTC).timestamp() / 86_400
    split = split_sendings(data.coupons.sendings, since_day, end_day)
    with progress.step(f"Look back at {len(split.before) + len(split.after)} sendings of coupons"):
        bench = open_bench(data, config)
        lessons = _both_kinds(bench.make(split.before), "ended before")
        tests = _both_kinds(bench.make(split.after), "began after")
    with progress.step("Learn, and resample the shoppers"):
        model = fit_response(lessons.features, lessons.redeemed, config.response.ridge)
        types = _by_type(settings, data, tests, score(model, tests), config)
    found = _report(settings, data, since_day, split, lessons, model, types, config)
    if json_file is not None:
        write_text(found.as_json(), json_file)
    if report is not None:
        write_plots(found, report)
    return found


def split_sendings(sendings: Sequence[Sending], since_day: float, end_day: float) -> Split:
    """Split by time; what goes on at `since_day` is on neither side. `end_day`: where the data ends."""
    later = [place for place, one in enumerate(sendings) if one.starts_day >= since_day]
    observed = [place for place in later if end_day - sendings[place].starts_day >= OBSERVED_DAYS]
    return Split(
        before=[place for place, one in enumerate(sendings) if one.ends_day <= since_day],
        after=observed,
        too_late=[place for place in later if place not in observed],
    )


def score(model: ResponseModel, tests: Examples) -> Mapping[str, NDArray[np.floating]]:
    """Scores by name, higher is likelier to be redeemed."""
    return {
        EVERYONE: np.zeros(len(tests), dtype=np.float32),
        BOUGHT: tests.bought,
        COUNTS: (np.log1p(tests.redemptions) + 0.1) * (np.log1p(tests.bought) + 0.1),
        FALLBACK: fallback_terms(tests.features).sum(axis=1),
        MODEL: response_probability(model, tests.features),
    }


def _by_type(
    settings: Settings,
    data: TrainingData,
    tests: Examples,
    scores: Mapping[str, NDArray[np.floating]],
    config: TrainingConfig,
) -> tuple[TypeReport, ...]:
    types, sendings = read_types(settings), data.coupons.sendings
    names = np.array([types.of(one.group) for one in sendings])[tests.sending]
    return tuple(
        type_report(str(name), types.notes.get(str(name), ""), tests, names == name, scores, config.seed)
        for name in np.unique(names)
        if tests.redeemed[names == name].any()
    )


def type_report(
    name: str, note: str, tests: Examples, chosen: Mask, scores: Mapping[str, NDArray[np.floating]], seed: int
) -> TypeReport:
    """The figures of the chosen examples, at least one of which was redeemed."""
    part = tests.of(chosen)
    results = [_scored(label, all_scores[chosen], part, seed) for label, all_scores in scores.items()]
    return TypeReport(
        name=name,
        note=note,
        pairs=len(part),
        redeemed=int(part.redeemed.sum()),
        shoppers=len(np.unique(part.shopper)),
        sendings=len(np.unique(part.sending)),
        results=tuple(results),
        tenths=tenths(scores[MODEL][chosen], part.redeemed),
    )


def _scored(name: str, scores: NDArray[np.floating], part: Examples, seed: int) -> Scored:
    rng = np.random.default_rng(seed)  # the same shoppers are drawn for each way
    ranked = Ranked(scores, part.redeemed)
    auc, precision = resampled(ranked, part.shopper, SAMPLES, rng)
    return Scored(name, auc, precision, ranked.recall_at(0.1), ranked.precision_at(0.01))


def _report(
    settings: Settings, data: TrainingData, since_day: float, split: Split, lessons: Examples, model: ResponseModel,
    types: tuple[TypeReport, ...], config: TrainingConfig,
) -> CouponReport:  # fmt: skip
    weeks, sendings = read_shift_weeks(settings), data.coupons.sendings

    def groups(places: list[int]) -> tuple[str, ...]:
        return tuple(sendings[place].group for place in places)

    return CouponReport(
        split_at=original_date(since_day, weeks),
        end_at=original_date(data.interactions.end_day, weeks),
        shifted_weeks=weeks,
        trained_on=len(lessons),
        trained_on_redeemed=int(lessons.redeemed.sum()),
        trained_on_sendings=groups(split.before),
        tested_on_sendings=groups(split.after),
        too_late=groups(split.too_late),
        weights=dict(zip(RESPONSE_FEATURES, (round(float(one), 4) for one in model.weights), strict=True)),
        types=types,
        code=code_revision(),
        seed=config.seed,
    )


def _both_kinds(examples: Examples, side: str) -> Examples:
    if not examples.redeemed.any() or examples.redeemed.all():
        message = f"Of the coupons whose campaigns {side} the split, none was redeemed or all were."
        raise NotEnoughData(message, remedy="Choose another --since, or bring campaigns and their redemptions.")
    return examples


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{folder} cannot be made: {error.strerror or error}."
        raise InvalidInput(message, field="report", remedy="Name a folder that can be written.") from error
