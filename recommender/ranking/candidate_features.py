"""What a learned ranker sees of each candidate; training computes it with this same code."""

from collections.abc import Mapping

import numpy as np

from recommender.arrays import Floats, Matrix, Rows
from recommender.placements import SourceName
from recommender.ranking.affinity import affinity
from recommender.ranking.item_features import ITEM_FEATURES, item_features
from recommender.ranking.personal_features import PERSONAL_FEATURES, personal_features
from recommender.situation import Situation

RANKED_SOURCES: tuple[SourceName, ...] = ("buy_again", "embedding", "neighbours", "trending", "popular")
KINDS = ("department", "category", "type", "brand", "manufacturer")  # facts that a shopper may have an affinity to
SAME_KINDS = ("category", "type")
NEVER_DAYS = 1_000.0  # stands for the time since something that has not happened

FEATURES: tuple[str, ...] = (
    *PERSONAL_FEATURES,
    *ITEM_FEATURES,
    # share of the shopper's purchases that is of the item's kind
    *(f"{kind}_affinity" for kind in KINDS),
    # what the models say
    "embedding_score", "near_purchases", "near_session", "together",
    # share of what is at hand that is of the item's kind
    *(f"{kind}_at_hand" for kind in SAME_KINDS),
    # 1 / rank in each source; 0: not proposed by it
    *(f"{source}_rank" for source in RANKED_SOURCES),
    # the same for all candidates of a shopper
    "shopper_baskets", "tenure_days", "days_since_last_basket",
)  # fmt: skip


def candidate_features(situation: Situation, rows: Rows, ranks: Mapping[SourceName, Floats]) -> Matrix:
    """Features of (n,) candidates.

    Args:
        rows: item rows of the catalogue; training need not have seen them.
        ranks: by source that ran, (n,) 1 / rank.

    Returns:
        (n, len(FEATURES)) float32 without NaN, its columns contiguous.
    """
    text, purchases, at_hand = situation.catalogue.text, situation.shopper.purchases, situation.at_hand
    of_shopper = _of_shopper(situation)
    features = np.zeros((len(FEATURES), len(rows)), dtype=np.float32)
    features[: len(PERSONAL_FEATURES)] = personal_features(situation, rows)
    features[len(PERSONAL_FEATURES) : len(PERSONAL_FEATURES) + len(ITEM_FEATURES)] = item_features(situation, rows)
    columns = iter(features[len(PERSONAL_FEATURES) + len(ITEM_FEATURES) :])
    for kind in KINDS:
        next(columns)[:] = affinity(text[kind], purchases.rows, purchases.decayed_long, rows)
    next(columns)[:] = _embedding_scores(situation, rows)
    for tally in (situation.near_purchases, situation.near_session, situation.together):
        next(columns)[:] = tally.of(rows)
    for kind in SAME_KINDS:
        next(columns)[:] = affinity(text[kind], at_hand, situation.at_hand_weights, rows)
    for source in RANKED_SOURCES:
        next(columns)[:] = ranks.get(source, 0.0)
    for value in of_shopper:
        next(columns)[:] = value
    return features.T


def _embedding_scores(situation: Situation, rows: Rows) -> Floats | float:
    """Inner products with the shopper's embedding; 0 without one, and for rows that training did not see."""
    embeddings, vector = situation.model.embeddings, situation.vector
    if vector is None:
        return 0.0
    known = rows < len(embeddings)
    if known.all():
        return embeddings[rows] @ vector
    scores = np.zeros(len(rows), dtype=np.float32)
    scores[known] = embeddings[rows[known]] @ vector
    return scores


def _of_shopper(situation: Situation) -> tuple[float, float, float]:
    shopper, now_day = situation.shopper, situation.now_day
    last_day = shopper.purchases.last_day.max(initial=-np.inf)
    tenure_days = 0.0 if np.isnan(shopper.first_day) else now_day - shopper.first_day
    return shopper.n_baskets, tenure_days, min(now_day - last_day, NEVER_DAYS)
