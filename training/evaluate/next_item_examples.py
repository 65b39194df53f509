"""A few beginnings of sessions with lists side by side, and how right what is shown is by its score."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Rows
from training.evaluate.metrics import NO_ITEM, Lists
from training.evaluate.next_item_report import HEADLINE, NextItemExample, NextItemResult, best_of
from training.evaluate.report import Shown
from training.offers.report import Tenth, tenths
from training.visits import Beginnings

BEGINNINGS = 8
SHOWN = 10  # items of a list
REMEMBERED = 10  # items of a session


def pick_examples(
    results: Sequence[NextItemResult], scope: str, asked: Beginnings, item_ids: Sequence[str], seed: int
) -> tuple[NextItemExample, ...]:
    """Some of the beginnings of a scope, drawn; `results` end with ours."""
    metric = HEADLINE[0]
    best = best_of(results[:-1], scope, metric)
    able = np.flatnonzero(~np.isnan(results[-1].figures[scope][metric]) & (asked.targets < len(item_ids)))
    drawn = np.sort(np.random.default_rng(seed).permutation(able)[:BEGINNINGS])

    def shown(result: NextItemResult, number: int) -> tuple[Shown, ...]:
        rows: Rows = result.lists[scope][number, :SHOWN]
        target = int(asked.targets[number])
        return tuple(Shown(item_ids[row], right=row == target) for row in map(int, rows) if row != NO_ITEM)

    return tuple(
        NextItemExample(
            so_far=tuple(item_ids[int(row)] for row in asked.of(number)[::-1][:REMEMBERED]),
            ours=shown(results[-1], number),
            baseline=best.name,
            theirs=shown(best, number),
            target=item_ids[int(asked.targets[number])],
        )
        for number in map(int, drawn)
    )


def calibrate(lists: Lists, scores: NDArray[np.float32], targets: Rows, chosen: NDArray[np.bool_]) -> tuple[Tenth, ...]:
    """Share of what is shown that came next, by tenth of its score, the highest first."""
    shown = (lists != NO_ITEM) & chosen[:, None]
    return tenths(scores[shown], (lists == targets[:, None])[shown])
