"""Where a training run cuts time: the test window last, label windows before it."""

from dataclasses import dataclass

from training.config import WindowsConfig


@dataclass(frozen=True, slots=True)
class Windows:
    """Cuts in days since 1970-01-01 UTC; each window is `window_days` long.

    Attributes:
        label_cuts: starts of the ranker's label windows, oldest first; empty: too little history for a ranker.
        test_cut: start of the test window; None: too little history to measure anything.
        end_day: what ships has seen everything before it.
    """

    label_cuts: tuple[float, ...]
    test_cut: float | None
    end_day: float


def cut_windows(first_day: float, end_day: float, config: WindowsConfig) -> Windows:
    """Put as many windows as wanted at the end of the data, as long as enough history lies before each."""
    earliest = first_day + config.min_history_days
    test_cut = end_day - config.window_days
    if test_cut < earliest:
        return Windows(label_cuts=(), test_cut=None, end_day=end_day)
    label_cuts = [test_cut - config.window_days * (number + 1) for number in range(config.label_windows)]
    return Windows(tuple(sorted(cut for cut in label_cuts if cut >= earliest)), test_cut, end_day)
