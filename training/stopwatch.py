"""Progress that also notes how long each step took."""

from collections.abc import Generator
from contextlib import contextmanager
from time import perf_counter

from features.progress import ProgressReport, Step


class Stopwatch:
    """Passes steps on, and keeps their seconds by title."""

    def __init__(self, progress: ProgressReport) -> None:
        self._progress = progress
        self.seconds = dict[str, float]()

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Generator[Step]:
        """Open a step; steps of the same title add up."""
        started = perf_counter()
        with self._progress.step(title, total) as step:
            yield step
        self.seconds[title] = round(self.seconds.get(title, 0.0) + perf_counter() - started, 3)
