"""Progress of long work: a bar on a terminal, plain lines elsewhere, nothing in tests."""

import resource
import sys
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from time import monotonic, process_time
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Step(Protocol):
    """One step of long work, while it runs."""

    def advance(self, amount: int = 1) -> None:
        """Say that `amount` more units are done."""
        ...


class ProgressReport(Protocol):
    """Where long work says how far it is."""

    def step(self, title: str, total: int | None = None) -> AbstractContextManager[Step]:
        """Open a step of `total` units; None: its length is not known."""
        ...


class _SilentStep:
    def advance(self, amount: int = 1) -> None:
        pass


class Silent:
    """Says nothing."""

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Generator[Step]:  # noqa: ARG002
        """Open a step that nobody watches."""
        yield _SilentStep()


class _BarStep:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def advance(self, amount: int = 1) -> None:
        self._progress.advance(self._task, amount)


def peak_memory_mib() -> float:
    """The most memory that this process has had resident so far."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20, 1)


class Terminal:
    """A bar per step on standard error, no bar where that is no terminal; and what a step took, when it ends."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr)

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Generator[Step]:
        """Open a step and show it until it ends."""
        started, used = monotonic(), process_time()

        def taken() -> str:
            cost = f"processor {process_time() - used:.1f} s, peak {peak_memory_mib():,.0f} MiB"
            return f"{title}: {monotonic() - started:.1f} s ({cost})"

        if not self._console.is_terminal:
            yield _SilentStep()
            self._console.print(taken(), highlight=False)
            return
        count = [MofNCompleteColumn()] if total is not None else []
        columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn()]
        with Progress(*columns, *count, TimeElapsedColumn(), console=self._console) as progress:
            task = progress.add_task(title, total=total)
            yield _BarStep(progress, task)
            progress.update(task, total=total or 1, completed=total or 1, description=taken())
