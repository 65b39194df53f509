"""Changing learned scores by what is at hand: what a shopper came for today, no purchases say."""

import numpy as np

from recommender.arrays import Floats, Mask, Rows, Scores
from recommender.catalogue import KIND_FACTS
from recommender.native import BOOL, F32, I32, NOTHING, compiled, reads, writes
from recommender.ranking.looks import OF_SESSIONS
from recommender.ranking.session_features import session_features
from recommender.situation import Situation

SHOWN_BY_SESSION = 3  # place from 0 in the lists of shoppers without purchases
CATEGORY = KIND_FACTS.index("category")  # column of the cards


def lift_by_session(situation: Situation, rows: Rows, scores: Scores) -> Scores:
    """Up to double the scores of what the item in view, the cart and the session point to.

    Purchases do not say what a shopper came for today; what is at hand does, and of shoppers with both the trees have
    learnt nothing. How much it points to an item, the trees for sessions say where there are any, else its neighbours.
    """
    index, trees = situation.model.sessions, situation.model.rankers.get(OF_SESSIONS)
    if index is not None and trees is not None and len(situation.from_sessions.seeds):
        pointed = squash(trees.score(session_features(situation, index, rows)))
    else:
        pointed = np.zeros(len(rows), dtype=np.float32)
        situation.near_session.write_scores(pointed, rows)
    most = pointed.max(initial=0.0)
    return scores * (1 + pointed / most) if most > 0 else scores


def is_kin(situation: Situation, rows: Rows) -> Mask:
    """(n,) which of these are of a category of the item in view, the cart or the session, and none of these items."""
    kin = np.empty(len(rows), dtype=np.bool_)
    _mark_kin(kin, situation.catalogue.cards, rows, situation.at_hand)
    return kin


def show_by_session(scores: Scores, kin: Mask) -> Scores:
    """Lift the best of the kin of what is at hand into the place SHOWN_BY_SESSION, unless one stands there or higher.

    Trees that have met strangers put first what is bought most by whoever looks at such things: nearly always right,
    and nearly always the same. So that a stranger sees that a click counts, a place is kept for it.
    """
    if len(scores) <= SHOWN_BY_SESSION:
        return scores
    shown = scores.copy()
    _lift_best_kin(shown, kin, np.empty(SHOWN_BY_SESSION + 1, dtype=np.float32))
    return shown


def squash(scores: Scores) -> Scores:
    """The logistic function: keeps the order, and makes scores positive, so that a boost above 1 always lifts."""
    squashed = np.empty(len(scores), dtype=np.float32)
    _squash(squashed, scores)
    return squashed


@compiled(NOTHING, writes(BOOL), reads(I32, 2), reads(I32), reads(I32))
def _mark_kin(kin: Mask, cards: Rows, rows: Rows, at_hand: Rows) -> None:
    for i in range(len(rows)):
        category = cards[rows[i], CATEGORY]
        shares, is_at_hand = False, False
        for other in at_hand:
            shares |= cards[other, CATEGORY] == category
            is_at_hand |= other == rows[i]
        kin[i] = shares and category >= 0 and not is_at_hand


@compiled(NOTHING, writes(F32), reads(BOOL), writes(F32))
def _lift_best_kin(scores: Scores, kin: Mask, highest: Floats) -> None:
    """`highest` is room for the scores of as many places, the last of which the best of kin is to have."""
    highest[:] = -np.inf
    best = -1
    for i in range(len(scores)):
        if kin[i] and (best < 0 or scores[i] > scores[best]):
            best = i
        score = scores[i]
        for place in range(len(highest)):
            if score > highest[place]:
                score, highest[place] = highest[place], score
    if best >= 0:
        scores[best] = max(scores[best], np.nextafter(highest[-1], np.float32(np.inf)))


@compiled(NOTHING, writes(F32), reads(F32))
def _squash(squashed: Scores, scores: Scores) -> None:
    for i in range(len(scores)):
        squashed[i] = 1.0 / (1.0 + np.exp(-np.float64(scores[i])))
