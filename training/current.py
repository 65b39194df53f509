"""The model that serves now, on the window that a new one is examined on."""

from collections.abc import Mapping

from features.artifact.read import load_artifact
from features.artifact.shelf import ArtifactShelf
from features.progress import ProgressReport
from recommender.errors import BrokenArtifact
from recommender.ids import PlacementId
from recommender.placements import Placement
from training.examine import examine_pipeline
from training.gate import METRIC, PLACEMENT
from training.past import Past


def current_figure(
    shelf: ArtifactShelf,
    past: Past,
    end_day: float,
    placements: Mapping[PlacementId, Placement],
    progress: ProgressReport,
) -> float | None:
    """METRIC on PLACEMENT of the current model; None: there is none, or it cannot be compared.

    On the very same window the figure stands in its manifest. Otherwise its arrays may have seen part of the window, so
    only what cannot have is taken from it: its rankers, on top of the fit before the window.
    """
    current = shelf.current_id()
    if current is None:
        return None
    try:
        loaded = load_artifact(shelf.path(current))
    except BrokenArtifact:
        return None
    if loaded.manifest.cut_day == end_day:
        return _recorded(loaded.manifest.metrics)
    if loaded.manifest.cut_day > end_day or not loaded.model.rankers:
        return None
    figures = examine_pipeline(past.with_rankers(loaded.model.rankers), placements, progress)
    return figures[PLACEMENT][METRIC]


def _recorded(metrics: Mapping[str, object]) -> float | None:
    figures = metrics.get(PLACEMENT)
    value = figures.get(METRIC) if isinstance(figures, dict) else None
    return float(value) if isinstance(value, (int, float)) else None
