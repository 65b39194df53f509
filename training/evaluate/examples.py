"""Lists of a few shoppers side by side, and how right they are by score: what figures do not show."""

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Rows
from training.evaluate.metrics import NO_ITEM, Relevant, hits
from training.evaluate.report import Example, Result, Shown, best_of
from training.evaluate.trial import NEW, Scope, Trial
from training.offers.report import Tenth, tenths

SHOPPERS = 6
SHOWN = 10  # items of a list
REMEMBERED = 10  # purchases of a history


def relevant_of(trial: Trial, scope: Scope) -> Relevant:
    """The items that are right in a scope."""
    return trial.past.held_out.new if scope.name == NEW else trial.past.held_out.bought


def pick_examples(trial: Trial, results: tuple[Result, ...]) -> tuple[Example, ...]:
    """SHOPPERS of the last scope, drawn among those with a history and something right; `results` end with ours."""
    scope, past = trial.scopes[-1], trial.past.purchases
    relevant = relevant_of(trial, scope)
    known = np.bincount(past.shopper, minlength=past.n_shoppers)[: past.n_asked] > 0
    able = np.flatnonzero(known & (relevant.sizes > 0))
    drawn = np.sort(np.random.default_rng(trial.config.seed).permutation(able)[:SHOPPERS])
    best = best_of(results[:-1], scope)
    ours, theirs = (result.lists[scope.name][drawn] for result in (results[-1], best))
    chosen = Relevant(
        offsets=np.concatenate([[0], np.cumsum(relevant.sizes[drawn])]).astype(np.int64),
        rows=np.concatenate([np.empty(0, np.int32), *(relevant.of(int(shopper)) for shopper in drawn)]).astype(
            np.int32
        ),
    )
    right, other_right = hits(ours, chosen), hits(theirs, chosen)
    return tuple(
        Example(
            history=_titles(trial, _latest(trial, int(shopper))),
            ours=_shown(trial, ours[place], right[place]),
            baseline=best.name,
            theirs=_shown(trial, theirs[place], other_right[place]),
            bought=int(relevant.sizes[shopper]),
        )
        for place, shopper in enumerate(drawn)
    )


def calibrate(trial: Trial, scope: Scope, result: Result) -> tuple[Tenth, ...]:
    """Share of what is shown that was right, by tenth of its score, the highest first."""
    lists, scores = result.lists[scope.name], result.scores[scope.name]
    shown = lists != NO_ITEM
    return tenths(scores[shown], hits(lists, relevant_of(trial, scope))[shown])


def _latest(trial: Trial, shopper: int) -> Rows:
    past = trial.past.purchases
    theirs = np.flatnonzero(past.shopper == shopper)
    by_age = theirs[np.argsort(-past.day[theirs], kind="stable")]
    return np.array(list(dict.fromkeys(past.row[by_age].tolist()))[:REMEMBERED], dtype=np.int32)


def _shown(trial: Trial, rows: Rows, right: NDArray[np.bool_]) -> tuple[Shown, ...]:
    kept = rows[:SHOWN] != NO_ITEM
    titles = _titles(trial, rows[:SHOWN][kept])
    return tuple(map(Shown, titles, right[:SHOWN][kept].tolist()))


def _titles(trial: Trial, rows: Rows) -> tuple[str, ...]:
    return tuple(trial.past.catalogue.items[row].title for row in rows.tolist())
