"""What people order next after what this shopper ordered last."""

from recommender.retrieval.proposal import Proposal
from recommender.situation import Situation

PROPOSED = 100


def followers(situation: Situation) -> Proposal:
    """Followers of the latest purchases, the later the purchase the more."""
    return Proposal(*situation.after_latest.best(PROPOSED))
