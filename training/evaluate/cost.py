"""What a piece of work costs: seconds, and how much memory it took at its peak."""

import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


@dataclass(frozen=True, slots=True)
class Cost:
    """Wall seconds, and MiB of resident memory at the peak above what was in use before."""

    seconds: float
    mebibytes: float


def costing(work: Callable[[], T]) -> tuple[T, Cost]:
    """Do the work, and say what it cost.

    Where the system cannot set back the peak of a process, memory counts only as far as it exceeds the highest so far.
    """
    before = _set_back_peak()
    started = perf_counter()
    result = work()
    seconds = perf_counter() - started
    return result, Cost(seconds=seconds, mebibytes=max(_peak() - before, 0.0))


def _set_back_peak() -> float:
    """Make the memory in use the new peak where that is possible; returns the peak to compare with."""
    with suppress(OSError):
        _CLEAR.write_text("5")
    return _peak()


def _peak() -> float:
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1024**2
