"""What most shoppers buy, in the category in view or at all."""

from recommender.retrieval.proposal import Proposal
from recommender.retrieval.selection import first_of
from recommender.situation import Situation

PROPOSED = 200


def popular(situation: Situation) -> Proposal:
    """The best sellers of the last four weeks that pass the filters."""
    popularity, fitting = situation.model.popularity, situation.fitting
    category = situation.query.category
    if category is not None and category in popularity.by_category:
        rows = popularity.by_category[category]
        return Proposal(rows if fitting is None else rows[fitting[rows]])
    if fitting is None:
        return Proposal(popularity.ranking[:PROPOSED])
    return Proposal(first_of(popularity.ranking, fitting, PROPOSED))
