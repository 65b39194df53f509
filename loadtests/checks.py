"""Whether a run held what `thresholds.toml` says of its profile."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from loadtests.runs import Run

THRESHOLDS = Path(__file__).with_name("thresholds.toml")
FIRST_NAMES = "first", "tenth", "median of the last ten"
LAST_CALLS = 10  # of a cold start: what its first call is compared with
DRIFT_SECONDS = 300.0  # length of the windows that are compared, or a quarter of a shorter run


@dataclass(frozen=True, slots=True)
class Check:
    """One threshold: what was found must not be more than the limit."""

    what: str
    found: float
    limit: float

    @property
    def holds(self) -> bool:
        """Whether it does; what could not be measured does not."""
        return self.found <= self.limit


def read_thresholds(profile: str, file: Path = THRESHOLDS) -> dict[str, Any]:
    """The thresholds of a profile; raises KeyError where the file has none."""
    return tomllib.loads(file.read_text(encoding="utf-8"))[profile]


def check(run: Run, thresholds: Mapping[str, Any]) -> list[Check]:
    """Every threshold of the profile; raises ValueError for one that there is not."""
    found: list[Check] = []
    for name, limit in thresholds.items():
        match name:
            case "failures":
                found.append(Check("share of the calls that failed", failed_share(run, "*"), limit))
            case "recommendations_failed":
                share = failed_share(run, "recommendations")
                found.append(Check("share of the recommendations that failed", share, limit))
            case "refused":
                found.append(Check("share of the calls that were refused (4xx)", refused_share(run), limit))
            case "p99_ms":
                found += [Check(f"p99 of {kind}, ms", percentile(run, kind, 99), most) for kind, most in limit.items()]
            case "drift":
                found.append(Check("p99 of the last window over the first", drift(run), limit))
            case "growth":
                found += [Check(f"growth of {name}", share, limit) for name, share in growth(run).items()]
            case "first":
                found.append(Check("first call over the last ten of a hundred", first_over_last(run), limit))
            case _:
                raise ValueError(f"{name} is no threshold")
    return found


def failed_share(run: Run, kind: str) -> float:
    """Share of the calls of a kind that failed; NaN: there were none."""
    of_kind = run.answers.is_of(kind)
    return float(run.answers.failed()[of_kind].mean()) if of_kind.any() else float("nan")


def refused_share(run: Run) -> float:
    """Share of all calls that were answered with a 4xx; NaN: there were none."""
    refused = run.answers.refused()
    return float(refused.mean()) if len(refused) else float("nan")


def percentile(run: Run, kind: str, share: float, since: float = 0.0, until: float = float("inf")) -> float:
    """Milliseconds that `share` percent of the calls of a kind, due in a window, stay under; NaN: there were none.

    Who was turned away is left out: that is done in no time, and would make the rest look fast.
    """
    due = np.asarray(run.answers.due)
    done = run.answers.is_of(kind) & ~run.answers.turned_away()
    chosen = np.asarray(run.answers.ms)[done & (due >= since) & (due < until)]
    return float(np.percentile(chosen, share)) if len(chosen) else float("nan")


def drift(run: Run) -> float:
    """How much slower the slowest hundredth became; all calls alike."""
    window = min(DRIFT_SECONDS, run.seconds / 4)
    return percentile(run, "*", 99, run.seconds - window) / percentile(run, "*", 99, 0.0, window)


def machine_drift(run: Run) -> float:
    """How much slower the machine itself became between the windows that `drift` compares; NaN: not measured."""
    window = min(DRIFT_SECONDS, run.seconds / 4)
    first = [sample.machine.fixed_work_ms for sample in run.samples if 0 < sample.at < window]
    last = [sample.machine.fixed_work_ms for sample in run.samples if sample.at >= run.seconds - window]
    return float(np.median(last) / np.median(first)) if first and last else float("nan")


def growth(run: Run) -> dict[str, float]:
    """By worker, how much more memory of its own it has at the end than when the first window ended, as a share.

    NaN: it was not there at both times, or not all the while, and so may have begun anew.
    """
    window = min(DRIFT_SECONDS, run.seconds / 4)
    samples = [sample.vitals for sample in run.samples if sample.at >= window] or [{}]
    found = dict[str, float]()
    for name in (f"worker-{number}" for number in range(1, run.workers + 1)):
        seen = [vitals[name] for vitals in samples if name in vitals]
        is_one = len(seen) == len(samples) and all(
            after.user_seconds >= before.user_seconds for before, after in pairwise(seen)
        )
        found[name] = seen[-1].private_bytes / seen[0].private_bytes - 1 if is_one else float("nan")
    return found


def first_and_last(took: Sequence[float]) -> tuple[float, float, float]:
    """Of one start, what `FIRST_NAMES` says."""
    return took[0], took[9], float(np.median(took[-LAST_CALLS:]))


def first_over_last(run: Run) -> float:
    """Median of the first calls of the starts, over that of the last ten of each; NaN: nothing was started."""
    if not run.starts:
        return float("nan")
    starts = np.array(run.starts)
    return float(np.median(starts[:, 0]) / np.median(starts[:, -LAST_CALLS:]))
