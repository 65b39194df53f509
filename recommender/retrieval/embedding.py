"""Items whose embeddings fit the shopper's."""

import numpy as np

from recommender.arrays import Floats, Rows
from recommender.retrieval.proposal import NOTHING, Proposal
from recommender.retrieval.selection import best_rows
from recommender.situation import Situation

PROPOSED = 200
FEW = 4_000  # fitting items up to which scanning them all costs less than a search that mostly finds others


def by_embedding(situation: Situation) -> Proposal:
    """The items of the largest inner products with the shopper's embedding."""
    vector, fitting, model = situation.vector, situation.fitting_rows, situation.model
    if vector is None:
        return NOTHING
    reach = PROPOSED
    if fitting is not None:
        known = fitting[: fitting.searchsorted(np.int32(model.n_items))]  # a wider integer would widen all rows
        if len(known) <= FEW:
            return Proposal(_scan(vector, model.embeddings, known))
        reach = min(model.n_items, PROPOSED * model.n_items // len(known))
    rows, scores = model.index.search(vector, reach)
    return Proposal(rows[scores != 0])  # an item without interactions has a zero embedding


def _scan(vector: Floats, embeddings: Floats, rows: Rows) -> Rows:
    """The best of `rows` by an exact scan; the lower row where equal."""
    found, scores = best_rows(rows, embeddings[rows] @ vector, PROPOSED)
    return found[scores != 0]
