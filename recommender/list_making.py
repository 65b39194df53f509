"""Making the list from the ranked candidates, as the settings of the placement ask."""

from collections.abc import Collection, Mapping
from dataclasses import field

import numpy as np

from recommender.arrays import Positions, Rows, Scores
from recommender.calibrate import calibrate
from recommender.candidates import Candidates
from recommender.diversify import NO_CAP, Cap, diversify
from recommender.explore import DRAWN_FROM, explore, little_known
from recommender.ranking.affinity import affinity
from recommender.retrieval.selection import best
from recommender.situation import Situation
from recommender.value import value

CALIBRATED = 3  # times the limit: candidates that are put in the order of the mix, for caps and groups drop some


@value(slots=True)
class Chosen:
    """What the slots get that no pin takes.

    Attributes:
        rows: (n,) best first.
        explored: those of them that were drawn to explore.
        chances: of each row, that its slot got it; empty: nothing was drawn, so that each is 1.
    """

    rows: Rows
    explored: Collection[int] = ()
    chances: Mapping[int, float] = field(default_factory=dict[int, float])


def choose(situation: Situation, candidates: Candidates, scores: Scores, pinned: Rows) -> Chosen:
    """The rows for the slots that no pin takes, best first (the lower row where equal)."""
    text, limit, placement = situation.catalogue.text, situation.query.limit, situation.placement
    rows = candidates.rows
    order, taken = best(rows, scores, len(scores)), rows.searchsorted(pinned)
    groups, calibrated = text["group"].codes[rows], placement.calibration > 0 and len(situation.shopper.purchases) > 0
    per_category = Cap(text["category"].codes[rows], _most_of(placement.max_share_per_category, limit))
    popular = _cap_of_popular(situation, rows) if placement.max_share_popular < 1 else NO_CAP
    ranked = _calibrated(situation, rows, order, scores, taken) if calibrated else order
    chosen = diversify(ranked, groups, limit - len(pinned), taken, per_category, popular)
    if calibrated:
        chosen = order[np.isin(order, chosen)]
    if placement.exploration == 0:
        return Chosen(rows[chosen])
    unknown, listed = order[little_known(situation, rows)[order]], np.concatenate([taken, chosen])
    pool = diversify(unknown, groups, DRAWN_FROM, listed, per_category, popular, caps_yield=False)
    found = explore(chosen, pool, placement.exploration, situation.query.seed)
    shown = rows[found.positions]
    chances = dict(zip(shown.tolist(), found.chances.tolist(), strict=True))
    return Chosen(shown, frozenset(shown[found.explored].tolist()), chances)


def _calibrated(situation: Situation, rows: Rows, order: Positions, scores: Scores, taken: Positions) -> Positions:
    """The order in which the categories follow those of what the shopper buys, the latest counting most."""
    purchases, catalogue = situation.shopper.purchases, situation.catalogue
    return calibrate(
        order,
        scores,
        categories=catalogue.text["category"].codes[rows],
        wanted=affinity(catalogue, "category", purchases.rows, purchases.decayed_long, rows),
        strength=situation.placement.calibration,
        n=CALIBRATED * situation.query.limit,
        taken=taken,
    )


def _cap_of_popular(situation: Situation, rows: Rows) -> Cap:
    sells_best = situation.model.best_sellers[np.minimum(rows, situation.model.n_items)]
    most = _most_of(situation.placement.max_share_popular, situation.query.limit)
    return Cap(np.where(sells_best, 0, -1).astype(np.int32), most)


def _most_of(share: float, limit: int) -> int:
    """How many items of a list a share of it is: one at least."""
    return max(1, int(share * limit + 1e-6))
