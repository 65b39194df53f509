"""Joining what a placement orders its candidates for: purchases, clicks and margin."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Floats, Rows, Scores
from recommender.candidates import Candidates
from recommender.catalogue import Catalogue
from recommender.ranking.trees import Trees
from recommender.situation import Situation

OF_CLICKS = "click"  # name of the ranker that has learnt what is looked at

Parts = Mapping[str, Floats]  # by objective, (n,) of the candidates


def click_ranker(situation: Situation) -> Trees | None:
    """The trees that say what is looked at, if the placement weighs that.

    They have learnt from shoppers with purchases, and judge no others: those with a session alone are ordered by trees
    of sessions, which say just that.
    """
    if situation.placement.objectives.click == 0 or not len(situation.shopper.purchases):
        return None
    return situation.model.rankers.get(OF_CLICKS)


def objective_parts(situation: Situation, candidates: Candidates, purchase: Scores, clicks: Trees | None) -> Parts:
    """What each candidate is worth by each objective that the placement weighs; nothing where it is purchase alone.

    The best candidate by an objective has 1 there (by the margin: the largest gain or loss), so that the weights
    compare like with like. An objective that nothing is known for is missing: without trees for clicks, or with no
    margin stated at all.

    Args:
        purchase: (n,) scores of the ranker, at least 0.
        clicks: as `click_ranker` gives them; the candidates have their features then.
    """
    objectives = situation.placement.objectives
    if objectives.purchase_alone or not len(candidates.rows):
        return {}
    parts = {"purchase": _of_largest(purchase)}
    if clicks is not None:
        raw = clicks.score(candidates.features).astype(np.float64)
        parts["click"] = _of_largest(np.exp(raw - raw.max()).astype(np.float32))
    margins = _margins(situation.catalogue, candidates.rows) if objectives.margin > 0 else None
    if margins is not None:
        parts["margin"] = _of_largest(purchase * margins)
    return parts


def weigh(situation: Situation, purchase: Scores, parts: Parts) -> Scores:
    """Join the parts by their weights into (n,) scores of at least 0; without parts, the scores of the ranker.

    A loss takes off; what would fall below 0 stands at 0.
    """
    if not parts:
        return purchase
    weights = {name: getattr(situation.placement.objectives, name) for name in parts}
    total = sum(weights.values())
    if total == 0:  # nothing is known for what is weighed
        return purchase
    joined = sum((np.float32(weights[name] / total) * part for name, part in parts.items()), np.float32(0.0))
    return np.maximum(joined, np.float32(0.0))


def _of_largest(part: Floats) -> Floats:
    largest = np.abs(part).max(initial=0.0)
    return part / largest if largest > 0 else part


def _margins(catalogue: Catalogue, rows: Rows) -> Floats | None:
    """(n,) share of the price that stays; an item that states none has the median of those that do.

    None: nobody states any.
    """
    stated: NDArray[np.float64] = catalogue.number["margin"]
    usual = catalogue.kept.get(catalogue.version, ("median", "margin"), lambda: _median(stated[: catalogue.n]))
    if np.isnan(usual):
        return None
    return np.nan_to_num(stated[rows], nan=usual).astype(np.float32)


def _median(stated: NDArray[np.float64]) -> float:
    known = stated[~np.isnan(stated)]
    return float(np.median(known)) if len(known) else float("nan")
