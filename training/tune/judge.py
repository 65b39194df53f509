"""How good settings are, on windows before the test window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from features.progress import Silent
from recommender.errors import NotEnoughData
from recommender.ids import PlacementId
from recommender.placements import Placement
from training.config import TrainingConfig
from training.examine import HEADLINE, examine_pipeline
from training.read import TrainingData
from training.rehearse import rehearse
from training.windows import cut_windows


@dataclass(frozen=True, slots=True)
class Judged:
    """Figures of one set of settings.

    Attributes:
        figures: by placement, its headline figure (NDCG), the mean over the windows.
        value: their geometric mean: a tenth more of either counts the same.
    """

    figures: Mapping[str, float]

    @property
    def value(self) -> float:
        """What a search wants most of."""
        return float(np.exp(np.mean(np.log(np.maximum(list(self.figures.values()), 1e-9)))))


def ends_before_test(data: TrainingData, config: TrainingConfig, n_windows: int) -> tuple[float, ...]:
    """Where the data is to end for each judgement, latest first: the first ends where the test window begins.

    Raises:
        NotEnoughData: too little history for so many windows, each with one before it to learn from.
    """
    first_day, length = data.interactions.first_day, config.windows.window_days
    test_cut = data.interactions.end_day - length
    ends = tuple(test_cut - length * number for number in range(n_windows))
    if not cut_windows(first_day, ends[-1], config.windows).label_cuts:
        needed = config.windows.min_history_days + (n_windows + 2) * length
        message = f"There are fewer than the {needed:g} days of purchases that judging settings on {n_windows} takes."
        raise NotEnoughData(message, remedy="Bring a longer history, or ask for fewer --windows.")
    return ends


def judge(
    data: TrainingData,
    config: TrainingConfig,
    placements: Mapping[PlacementId, Placement],
    ends: Sequence[float],
) -> Judged:
    """Learn and examine as a training would whose data ended at each of `ends`; nothing after them is looked at."""
    found: dict[str, list[float]] = {placement: [] for placement in HEADLINE}
    for end_day in ends:
        windows = cut_windows(data.interactions.first_day, end_day, config.windows)
        past = rehearse(data, windows, placements, config, Silent()).past
        if past is None or not len(past.held_out):
            raise NotEnoughData("Nobody bought anything in a window.", remedy="Ask for fewer --windows.")
        figures = examine_pipeline(past, placements, Silent())
        for placement, metric in HEADLINE.items():
            found[placement].append(figures[placement][metric])
    return Judged({placement: float(np.mean(values)) for placement, values in found.items()})
