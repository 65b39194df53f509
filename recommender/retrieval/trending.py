"""What sells better than it used to: in the category in view, in the shopper's store, in the whole chain."""

import numpy as np

from recommender.retrieval.proposal import Proposal
from recommender.situation import Situation

PROPOSED = 200


def trending(situation: Situation) -> Proposal:
    """What the store in question sells most of late, and what rises in the whole chain, in turn."""
    popularity, store_id = situation.model.popularity, situation.query.store_id
    chain = popularity.trending[:PROPOSED]
    if situation.fitting is not None:
        ranking = popularity.trending
        chain = ranking[situation.fitting[ranking]][:PROPOSED]
    store = None if store_id is None else popularity.by_store.get(store_id)
    if store is None:
        return Proposal(chain)
    ranks = np.concatenate([2 * np.arange(len(store)), 2 * np.arange(len(chain)) + 1])
    joined = np.concatenate([store, chain])[np.argsort(ranks)]
    return Proposal(joined[np.sort(np.unique(joined, return_index=True)[1])])
