"""What came into the shop of late, first from the categories that the shopper buys."""

import numpy as np

from recommender.arrays import Rows
from recommender.catalogue import Catalogue
from recommender.ranking.affinity import affinity
from recommender.retrieval.proposal import Proposal
from recommender.situation import Situation

NEW_FOR_DAYS = 60.0
PROPOSED = 200
FAMILIARITY = 4.0  # how much the share of a category in the shopper's purchases lifts its new items


def new_arrivals(situation: Situation) -> Proposal:
    """Items added in the last NEW_FOR_DAYS, the newest first, those of the shopper's categories lifted."""
    catalogue, now_day = situation.catalogue, situation.now_day
    rows = catalogue.kept.get(catalogue.version, ("new", int(now_day)), lambda: _newest(catalogue, now_day))
    if situation.fitting is not None:
        rows = rows[situation.fitting[rows]]
    age_share = (now_day - catalogue.number["added_day"][rows]) / NEW_FOR_DAYS
    purchases = situation.shopper.purchases
    familiarity = affinity(catalogue, "category", purchases.rows, purchases.decayed_long, rows)
    appeal = FAMILIARITY * familiarity - age_share
    return Proposal(rows[np.argsort(-appeal, kind="stable")[:PROPOSED]])


def _newest(catalogue: Catalogue, now_day: float) -> Rows:
    """Rows that can be shown, added in the NEW_FOR_DAYS before `now_day`, the newest first."""
    n = catalogue.n
    added = catalogue.number["added_day"][:n]
    shown = catalogue.visible[:n] & catalogue.in_stock[:n] & (added > now_day - NEW_FOR_DAYS)
    rows = np.flatnonzero(shown).astype(np.int32)
    return rows[np.argsort(-added[rows], kind="stable")]
