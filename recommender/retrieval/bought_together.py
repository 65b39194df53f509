"""Items that go into the same baskets as those in the cart."""

from recommender.retrieval.proposal import Proposal
from recommender.situation import Situation

PROPOSED = 150


def bought_together(situation: Situation) -> Proposal:
    """What goes with the cart; without one, with what is at hand."""
    return Proposal(*situation.together.best(PROPOSED))
