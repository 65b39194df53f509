"""Which trees order the candidates of one question, and what they look at."""

from collections.abc import Mapping

from recommender.arrays import Floats, Matrix, Rows
from recommender.placements import SourceName
from recommender.ranking.candidate_features import FEATURES, candidate_features
from recommender.ranking.session_features import SESSION_FEATURES, session_features
from recommender.ranking.trees import Trees
from recommender.situation import Situation

OF_SESSIONS = "session"  # name of the ranker that has learnt from sessions
OF_HAND = [FEATURES.index(name) for name in ("near_session", "together", "category_at_hand", "type_at_hand")]


def learned_ranker(situation: Situation) -> Trees | None:
    """The trees that order the candidates; None: reciprocal rank fusion of the sources does.

    Those of the placement have learnt from shoppers with purchases, and from visitors as far as they look at what is at
    hand: who has neither gets none. For those with a session alone, the trees of sessions judge where earlier sessions
    say something of it.
    """
    ranker, rankers = situation.placement.ranker, situation.model.rankers
    if ranker != "fused" and goes_by_session(situation):
        return rankers.get(OF_SESSIONS)
    trees = rankers.get(ranker)
    if trees is None or len(situation.shopper.purchases):
        return trees
    return trees if len(situation.at_hand) and trees.look_at(OF_HAND) else None


def goes_by_session(situation: Situation) -> bool:
    """Whether nothing is known of the shopper but a session that earlier ones say something of."""
    return not len(situation.shopper.purchases) and len(situation.from_sessions.seeds) > 0


def features_of(situation: Situation, rows: Rows, ranks: Mapping[SourceName, Floats]) -> tuple[tuple[str, ...], Matrix]:
    """Names and values of the features that the trees for this question look at; (n, len(names)) of (n,) rows.

    Args:
        ranks: by source that ran, (n,) 1 / rank.
    """
    index = situation.model.sessions
    if index is not None and goes_by_session(situation):
        return SESSION_FEATURES, session_features(situation, index, rows)
    return FEATURES, candidate_features(situation, rows, ranks)
