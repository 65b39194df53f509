"""Whether a new model may take the place of the one that serves."""

from dataclasses import dataclass

from training.config import GateConfig
from training.examine import Examination

METRIC = "ndcg@10"  # on PLACEMENT
PLACEMENT = "home"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision and why, in words.

    Attributes:
        passed: whether the model may be published.
        reason: one sentence with the figures.
        best_baseline, best_baseline_value: what it was held against.
        current_value: of the model that serves, on the same window; None: it could not be compared.
    """

    passed: bool
    reason: str
    best_baseline: str | None = None
    best_baseline_value: float | None = None
    current_value: float | None = None


NOT_MEASURED = Verdict(passed=True, reason="Too little history to hold a test window out: nothing was measured.")


def judge(examination: Examination, current: float | None, config: GateConfig) -> Verdict:
    """Compare METRIC on PLACEMENT, measured on the same window.

    `current` is the figure of the model that serves now; None: there is none, or it cannot be compared.
    """
    if examination.n_shoppers < config.min_shoppers:
        reason = f"Only {examination.n_shoppers} shoppers in the test window, {config.min_shoppers} are needed."
        return Verdict(passed=True, reason=reason)
    ours = examination.pipeline[PLACEMENT][METRIC]
    values = {name: figures[PLACEMENT][METRIC] for name, figures in examination.baselines.items()}
    best = max(values, key=lambda name: values[name])
    about = f"{METRIC} on {PLACEMENT} is {ours:.4f}"
    passed, reason = True, f"{about}, of the best baseline ({best}) {values[best]:.4f}."
    if ours < values[best] * (1.0 + config.over_baselines):
        margin = f"{config.over_baselines:.1%} above the best baseline ({best}, {values[best]:.4f})"
        passed, reason = False, f"{about}; it must be at least {margin}."
    elif current is not None and ours < current * (1.0 - config.below_current):
        margin = f"{config.below_current:.1%} below the model that serves now ({current:.4f})"
        passed, reason = False, f"{about}; it may be at most {margin}."
    return Verdict(passed, reason, best, values[best], current)
