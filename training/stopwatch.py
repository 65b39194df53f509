"""Progress that also notes how long each step took."""

import resource
import sys
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


def peak_memory_mib() -> float:
    """The most memory that this process has had resident so far."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20, 1)
