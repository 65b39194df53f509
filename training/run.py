"""The training run: read, cut time, rehearse, examine, gate, fit on everything, publish."""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from features.artifact.manifest import IndexEntry, Manifest, artifact_id_of
from features.artifact.shelf import ArtifactShelf
from features.offline.coupon_habits import coupon_habits, with_habits
from features.progress import ProgressReport, peak_memory_mib
from features.settings import Settings
from recommender.errors import GateRefused
from recommender.model import Model
from recommender.placements import parse_placement
from recommender.retrieval.index import use_one_thread
from training.assortment import assortment_at, catalogue_of_then
from training.config import read_training_config
from training.current import current_figure
from training.examine import examine
from training.fit import fit
from training.gate import NOT_MEASURED, judge
from training.inputs import describe_inputs
from training.learn_sessions import learn_sessions, sessions_before, with_sessions
from training.offers.learn import learn_response
from training.publish import publish
from training.rankers import Rankers
from training.read import TrainingData, read_definitions, read_training_data
from training.rehearse import rehearse
from training.stopwatch import Stopwatch
from training.windows import cut_windows


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What a run did.

    Attributes:
        artifact_id: what serves now.
        already_published: these very inputs had been published before, so nothing was trained.
        manifest: of the artifact.
    """

    artifact_id: str
    already_published: bool
    manifest: Manifest


def train(
    settings: Settings, *, until: datetime | None, config_file: Path | None, force: bool, progress: ProgressReport
) -> TrainReport:
    """Learn from the event log up to `until` (None: all of it), and publish if the gate agrees.

    `force` publishes whatever the gate says, and even if the same inputs were published before.

    Raises:
        NotEnoughData: nothing to learn from. InvalidInput: the configuration, or a file of the log.
        GateRefused: the model is not good enough; what serves now goes on serving.
        StoreUnavailable: the artifact cannot be written, for want of space say; what serves now goes on serving.
    """
    use_one_thread()
    watch = Stopwatch(progress)
    config = read_training_config(settings, config_file)
    definitions = read_definitions(settings)
    placements = {name: parse_placement(name, definition) for name, definition in definitions.items()}
    with watch.step("Read events, catalogue and consents"):
        data = read_training_data(settings, until)
    inputs = describe_inputs(data, definitions, config, forced=force)
    artifact_id, shelf = artifact_id_of(inputs), ArtifactShelf(settings.artifacts_dir)
    published = None if force else shelf.find(artifact_id)
    if published is not None:
        shelf.point_to(artifact_id)
        return TrainReport(artifact_id, already_published=True, manifest=published)

    windows = cut_windows(data.interactions.first_day, data.interactions.end_day, config.windows)
    rehearsal = rehearse(data, windows, placements, config, watch)
    examination, verdict = None, NOT_MEASURED
    if rehearsal.past is not None and len(rehearsal.past.held_out):
        examination = examine(rehearsal.past, placements, watch, config.seed)
        current = current_figure(shelf, rehearsal.past, windows.end_day, placements, watch)
        verdict = judge(examination, current, config.gate)
    rankers = rehearsal.rankers
    del rehearsal  # its model of the past is nearly as large as the one that is fitted next
    if not verdict.passed and not force:
        raise GateRefused(verdict.reason, remedy="Find out why, or publish it all the same with --force.")

    with watch.step("Fit on everything"):
        left_out = config.data.left_out_departments
        assortment = assortment_at(data.catalogue, data.interactions, left_out, windows.end_day)
        fitted = fit(data.interactions, assortment, windows.end_day, config, artifact_id)
    sessions = sessions_before(data.interactions, assortment, windows.end_day)
    of_now = catalogue_of_then(assortment, data.past_prices(windows.end_day))
    from_sessions = learn_sessions(sessions, fitted.model, of_now, config, watch)
    with watch.step("Learn the response to coupons"):
        learnt = learn_response(data, windows.end_day, config)
        habits = coupon_habits(data.coupons.received(), data.coupons.redeemed(), windows.end_day)
        model = replace(
            fitted.model,
            rankers=with_sessions(rankers.trees, from_sessions.trees),
            sessions=from_sessions.index,
            histories=with_habits(fitted.model.histories, habits),
            response=learnt.model,
        )
    with watch.step("Publish"):
        manifest = Manifest(
            artifact_id=artifact_id,
            cut_day=windows.end_day,
            change_number=data.change_number,
            published_at=datetime.now(UTC).isoformat(timespec="seconds"),
            inputs=inputs,
            counts=count(data, model, rankers) | {"lessons_of_sessions": from_sessions.lessons},
            metrics=({} if examination is None else examination.as_dict()) | from_sessions.as_dict(),
            response={"ships": learnt.model is not None, "reason": learnt.reason, **learnt.figures},
            gate=asdict(verdict) | {"overridden": force and not verdict.passed},
            index=IndexEntry(**asdict(fitted.index)),
            gains=with_sessions(rankers.gains, from_sessions.gains or None),
            seconds=watch.seconds,
            peak_memory_mib=peak_memory_mib(),
        )
        return TrainReport(artifact_id, False, publish(shelf, model, assortment.items, manifest))


def count(data: TrainingData, model: Model, rankers: Rankers) -> dict[str, int]:
    """What the artifact was made from, in numbers."""
    return {
        "items": model.n_items,
        "shoppers": len(model.histories.n_baskets),
        "purchases": len(data.interactions.purchases),
        "sessions": 0 if model.sessions is None else len(model.sessions),
        "views_and_additions": len(data.interactions.touches),
        "rows_without_consent": data.interactions.rows_without_consent,
        **{f"rows_left_out_{verdict}": rows for verdict, rows in data.interactions.left_out.items()},
        **{f"shoppers_taught_{name}": shoppers for name, shoppers in rankers.shoppers.items()},
    }
