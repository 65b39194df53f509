"""Items like the one in view."""

import numpy as np

from recommender.arrays import EMPTY_ROWS, Rows
from recommender.retrieval.proposal import NOTHING, Proposal
from recommender.retrieval.selection import distinct
from recommender.situation import Situation

PROPOSED = 100


def like_the_item_in_view(situation: Situation) -> Proposal:
    """Neighbours of the item in view first, then what sells best of its type and category."""
    item = situation.query.context_item
    if item is None:
        return NOTHING
    near, _ = situation.model.neighbours.of(item)
    rows = distinct(np.concatenate([near, _same_kind(situation, item)]), PROPOSED)
    return Proposal(rows, because=np.full(len(rows), item, dtype=np.int32))


def _same_kind(situation: Situation, item: int) -> Rows:
    """The best sellers of the item's category, those of its type first."""
    catalogue = situation.catalogue
    category, types = catalogue.text["category"].word(item), catalogue.text["type"].codes
    rows = situation.model.popularity.by_category.get(category or "")
    if rows is None:
        return EMPTY_ROWS
    same_type = (types[rows] == types[item]) & (types[item] >= 0)
    return np.concatenate([rows[same_type], rows[~same_type]])
