"""What a learned ranker sees of each candidate; training computes it with this same code."""

from collections.abc import Mapping

import numpy as np

from recommender.arrays import Floats, Matrix, Rows
from recommender.native import F32, I32, NOTHING, compiled, reads, writes
from recommender.placements import SourceName
from recommender.ranking.affinity import write_affinities
from recommender.ranking.item_features import ITEM_FEATURES, write_item_features
from recommender.ranking.personal_features import PERSONAL_FEATURES, write_personal_features
from recommender.situation import Situation

RANKED_SOURCES: tuple[SourceName, ...] = (
    "buy_again", "embedding", "neighbours", "followers", "trending", "popular",
)  # fmt: skip
KINDS = ("department", "category", "type", "brand", "manufacturer")  # facts that a shopper may have an affinity to
SAME_KINDS = ("category", "type")
NEVER_DAYS = 1_000.0  # stands for the time since something that has not happened

FEATURES: tuple[str, ...] = (
    *PERSONAL_FEATURES,
    *ITEM_FEATURES,
    # share of the shopper's purchases that is of the item's kind
    *(f"{kind}_affinity" for kind in KINDS),
    # what the models say
    "embedding_score", "near_purchases", "near_session", "together", "after_latest",
    # share of what is at hand that is of the item's kind
    *(f"{kind}_at_hand" for kind in SAME_KINDS),
    # 1 / rank in each source; 0: not proposed by it
    *(f"{source}_rank" for source in RANKED_SOURCES),
    # the same for all candidates of a shopper
    "shopper_baskets", "tenure_days", "days_since_last_basket",
)  # fmt: skip


def _columns_after(before: slice, n: int) -> slice:
    return slice(before.stop, before.stop + n)


PERSONAL = slice(0, len(PERSONAL_FEATURES))
ITEM = _columns_after(PERSONAL, len(ITEM_FEATURES))
AFFINITIES = _columns_after(ITEM, len(KINDS))
MODELS = _columns_after(AFFINITIES, 5)
AT_HAND = _columns_after(MODELS, len(SAME_KINDS))
RANKS = _columns_after(AT_HAND, len(RANKED_SOURCES))


def candidate_features(situation: Situation, rows: Rows, ranks: Mapping[SourceName, Floats]) -> Matrix:
    """Features of (n,) candidates.

    Args:
        rows: item rows of the catalogue; training need not have seen them.
        ranks: by source that ran, (n,) 1 / rank.

    Returns:
        (n, len(FEATURES)) float32 without NaN, its columns contiguous.
    """
    catalogue, purchases = situation.catalogue, situation.shopper.purchases
    features = np.empty((len(FEATURES), len(rows)), dtype=np.float32)
    write_personal_features(features[PERSONAL], situation, rows)
    write_item_features(features[ITEM], situation, rows)
    write_affinities(features[AFFINITIES], catalogue, KINDS, purchases.rows, purchases.decayed_long, rows)
    _write_embedding_scores(features[MODELS.start], situation, rows)
    tallies = (situation.near_purchases, situation.near_session, situation.together, situation.after_latest)
    for place, tally in enumerate(tallies, start=1):
        tally.write_scores(features[MODELS.start + place], rows)
    write_affinities(features[AT_HAND], catalogue, SAME_KINDS, situation.at_hand, situation.at_hand_weights, rows)
    for column, source in enumerate(RANKED_SOURCES, start=RANKS.start):
        features[column] = ranks.get(source, 0.0)
    features[RANKS.stop :] = np.array(_of_shopper(situation), dtype=np.float32)[:, None]
    return features.T


def _write_embedding_scores(into: Floats, situation: Situation, rows: Rows) -> None:
    """Write inner products with the shopper's embedding; 0 without one, and for rows that training did not see."""
    if situation.vector is None:
        into[:] = 0.0
    else:
        _multiply(into, situation.model.embeddings, situation.vector, rows)


@compiled(NOTHING, writes(F32), reads(F32, 2), reads(F32), reads(I32), any_order=True)
def _multiply(into: Floats, embeddings: Matrix, vector: Floats, rows: Rows) -> None:
    for i in range(len(rows)):
        into[i] = np.dot(embeddings[rows[i]], vector) if rows[i] < len(embeddings) else np.float32(0.0)


def _of_shopper(situation: Situation) -> tuple[float, float, float]:
    shopper, now_day = situation.shopper, situation.now_day
    last_day = shopper.purchases.last_day.max(initial=-np.inf)
    tenure_days = 0.0 if np.isnan(shopper.first_day) else now_day - shopper.first_day
    return shopper.n_baskets, tenure_days, min(now_day - last_day, NEVER_DAYS)
