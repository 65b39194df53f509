"""What sells better than it used to: in the category in view, in the shopper's store, in the whole chain."""

from recommender.retrieval.proposal import Proposal
from recommender.retrieval.selection import distinct, first_of, in_turn
from recommender.situation import Situation

PROPOSED = 200


def trending(situation: Situation) -> Proposal:
    """What the store in question sells most of late, and what rises in the whole chain, in turn."""
    popularity, store_id = situation.model.popularity, situation.query.store_id
    chain = popularity.trending[:PROPOSED]
    if situation.fitting is not None:
        chain = first_of(popularity.trending, situation.fitting, PROPOSED)
    store = None if store_id is None else popularity.by_store.get(store_id)
    if store is None:
        return Proposal(chain)
    return Proposal(distinct(in_turn(store, chain), len(store) + len(chain)))
