"""Whether the pipeline is ahead for short and long sessions, and when something popular or rare comes next."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Mask
from training.evaluate.next_item_report import HEADLINE, NextItemComparison, NextItemResult, best_of, paired
from training.visits import Beginnings

LENGTHS = (("one item so far", 1, 1), ("2 or 3 items so far", 2, 3), ("4 items and more", 4, None))
POPULAR_SHARE = 0.1  # of the items, by views


def compare_segments(
    results: Sequence[NextItemResult], asked: Beginnings, views: NDArray[np.int64], seed: int
) -> tuple[NextItemComparison, ...]:
    """Compare the last result with the baseline that is best in each scope, for the beginnings of each segment.

    Args:
        views: (n_items,) in the sessions that teach.
    """
    metric = HEADLINE[0]
    found = list[NextItemComparison]()
    for scope in results[-1].figures:
        best = best_of(results[:-1], scope, metric)
        ours, theirs = results[-1].figures[scope][metric], best.figures[scope][metric]
        for group, name, chosen in _segments(asked, views):
            among = chosen & ~np.isnan(ours)
            if among.any():
                columns = [ours[among], theirs[among], (ours - theirs)[among]]
                mine, other, lead = paired(columns, asked.sessions[among], seed)
                found.append(NextItemComparison(group, name, scope, int(among.sum()), mine, best.name, other, lead))
    return tuple(found)


def _segments(asked: Beginnings, views: NDArray[np.int64]) -> list[tuple[str, str, Mask]]:
    """Group, name and which beginnings."""
    sizes = np.diff(asked.offsets)
    lengths = [
        ("by length of the session", name, (sizes >= least) & (sizes <= (most or sizes.max())))
        for name, least, most in LENGTHS
    ]
    n_popular = max(int(POPULAR_SHARE * len(views)), 1)
    popular = np.zeros(len(views) + 1, dtype=np.bool_)  # the last is of what no session had
    popular[np.argsort(-views, kind="stable")[:n_popular]] = True
    is_popular = popular[asked.targets]
    what = "by what came next"
    return [
        *lengths,
        (what, f"of the {POPULAR_SHARE:.0%} most viewed", is_popular),
        (what, "of the others", ~is_popular),
    ]
