"""What a run would have learnt before the test window: the rankers, and the model that they are examined with."""

from collections.abc import Mapping
from dataclasses import dataclass

from features.progress import ProgressReport
from recommender.ids import PlacementId
from recommender.placements import Placement
from training.config import TrainingConfig
from training.past import Past, look_back
from training.rankers import NO_RANKERS, Rankers, train_rankers
from training.read import TrainingData
from training.windows import Windows


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The rankers, and the model of the past at the test cut with them; None: too little history to hold any out."""

    rankers: Rankers
    past: Past | None


def rehearse(
    data: TrainingData,
    windows: Windows,
    placements: Mapping[PlacementId, Placement],
    config: TrainingConfig,
    progress: ProgressReport,
) -> Rehearsal:
    """Fit before each label window, train the rankers on what was bought in it, fit before the test window."""
    length = config.windows.window_days
    rankers = NO_RANKERS
    if windows.label_cuts:
        with progress.step("Fit before the label windows", len(windows.label_cuts)) as step:
            pasts = list[Past]()
            for cut_day in windows.label_cuts:
                pasts.append(look_back(data, cut_day, length, config).of_asked())
                step.advance()
        rankers = train_rankers(pasts, placements, config, progress)
        del pasts
    if windows.test_cut is None:
        return Rehearsal(rankers, None)
    with progress.step("Fit before the test window"):
        past = look_back(data, windows.test_cut, length, config)
    return Rehearsal(rankers, past.with_rankers(rankers.trees))
