"""The figures of some of the shoppers: by how much they had bought before, and by channel."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from training.evaluate.report import Comparison, Result, best_of, compare
from training.evaluate.trial import Trial

Names = NDArray[np.str_]  # (n_asked,) the segment of each shopper; "" for none
PARTS = 3  # of the shoppers with a history, about equally many in each
BY_HISTORY, BY_CHANNEL = "shoppers by history", "shoppers by channel"


def by_segment(trial: Trial, results: Sequence[Result]) -> list[Comparison]:
    """The pipeline beside the best baseline of each scope, in every segment that has a shopper with something right."""
    *baselines, pipeline = results
    found = list[Comparison]()
    for scope in trial.scopes:
        best = best_of(baselines, scope)
        for group, names in segments(trial).items():
            for name in [name for name in dict.fromkeys(np.sort(names).tolist()) if name]:
                one = compare(
                    (group, name.split(":")[-1]), scope, pipeline.quality[scope.name], best.quality[scope.name],
                    best.name, names == name, trial.config.seed,
                )  # fmt: skip
                found += [one] if one is not None else []
    return found


def segments(trial: Trial) -> Mapping[str, Names]:
    """By what shoppers are told apart, the segment of each; a name may begin with what it is sorted by and a colon."""
    channels = [trial.channels.get(user, "") for user in trial.past.held_out.user_ids]
    purchases = trial.past.purchases
    counts = np.bincount(purchases.shopper, minlength=purchases.n_shoppers)[: purchases.n_asked]
    return {BY_HISTORY: by_history(counts), BY_CHANNEL: np.array(channels, dtype=np.str_)}


def by_history(counts: NDArray[np.int64]) -> Names:
    """Parts of about the same size by the number of purchases (order and item) before the cut."""
    names = np.full(len(counts), "0:none before the cut", dtype="<U60")
    some = np.sort(counts[counts > 0])
    if not len(some):
        return names
    ends = np.unique([part[-1] for part in np.array_split(some, PARTS) if len(part)])
    for place, (after, end) in enumerate(zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True), start=1):
        label = f"{after + 1} to {end} purchases" if after + 1 < end else f"{end} purchases"
        names[(counts > after) & (counts <= end)] = f"{place}:{label}"
    return names
