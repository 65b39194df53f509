"""Sinking what a placement wants to show less of: what everybody buys, and what this shopper passed over."""

from math import floor

import numpy as np

from recommender.arrays import Rows, Scores
from recommender.shown import SHOWN_DAYS
from recommender.situation import Situation


def sink(situation: Situation, rows: Rows, scores: Scores) -> Scores:
    """Lower the scores of candidates as the settings of the placement ask; without those, the same array.

    Args:
        rows, scores: (n,) candidates, ascending; scores at least 0.
    """
    novelty, model = situation.placement.novelty, situation.model
    if novelty > 0:
        kept = 1 - novelty * model.fame[np.minimum(rows, model.n_items)]
        scores = scores * kept.astype(np.float32, copy=False)
    if situation.placement.rotation > 0 and len(situation.shopper.shown):
        scores = _rotated(situation, rows, scores)
    return scores


def _rotated(situation: Situation, rows: Rows, scores: Scores) -> Scores:
    """An item that was viewed, added or ordered in these days was not passed over."""
    today, touches = floor(situation.now_day), situation.shopper.touches
    numbers, times = situation.shopper.shown.days_before(situation.placement.placement_id, today)
    shown = situation.catalogue.rows_of_numbers(numbers)
    touched = touches.rows[touches.days > today - SHOWN_DAYS]
    found = np.isin(shown, rows) & ~np.isin(shown, touched)
    factors = np.ones(len(rows), dtype=np.float32)
    factors[rows.searchsorted(shown[found])] = (1 - situation.placement.rotation) ** times[found].astype(np.float64)
    return scores * factors
