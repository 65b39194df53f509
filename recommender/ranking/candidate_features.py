"""What a learned ranker sees of each candidate; training computes it with this same code."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Floats, Mask, Matrix, Rows
from recommender.placements import SourceName
from recommender.ranking.affinity import affinity
from recommender.ranking.gather import take_or
from recommender.ranking.rhythm import USUAL_GAP_DAYS, days_until_again
from recommender.shopper import Purchases
from recommender.situation import Situation

RANKED_SOURCES: tuple[SourceName, ...] = ("buy_again", "embedding", "neighbours", "trending", "popular")
KINDS = ("department", "category", "type", "brand", "manufacturer")  # facts that a shopper may have an affinity to
Column = NDArray[np.floating] | NDArray[np.bool_] | float  # one value per candidate, or one for all
NEVER_DAYS = 1_000.0  # stands for the time since something that has not happened

FEATURES: tuple[str, ...] = (
    # this shopper and this item
    "baskets", "basket_share", "decayed_short", "decayed_long", "decayed_long_share", "days_since_first",
    "days_since_last", "gap_days_expected", "due", "is_new",
    # this shopper
    "shopper_baskets", "tenure_days", "days_since_last_basket",
    # this shopper and the kind of item: share of purchases
    "department_affinity", "category_affinity", "type_affinity", "brand_affinity", "manufacturer_affinity",
    # this item
    "buyers_log", "recent_buyers_log", "weekly_buyers_log", "trend", "repeat_share", "gap_days", "item_age_days",
    "price_log", "price_log_above_usual",
    # what the models say
    "embedding_score", "near_purchases", "near_session", "together",
    # what is at hand
    "at_hand", "category_at_hand", "type_at_hand",
    # 1 / rank in each source; 0: not proposed by it
    "buy_again_rank", "embedding_rank", "neighbours_rank", "trending_rank", "popular_rank",
)  # fmt: skip


def candidate_features(situation: Situation, rows: Rows, ranks: Mapping[SourceName, Floats]) -> Matrix:
    """Features of (n,) candidates.

    Args:
        rows: item rows of the catalogue; training need not have seen them.
        ranks: by source that ran, (n,) 1 / rank.

    Returns:
        (n, len(FEATURES)) float32 without NaN, its columns contiguous.
    """
    columns = {
        **_personal(situation, rows),
        **_of_shopper(situation),
        **_affinities(situation, rows),
        **_of_items(situation, rows),
        **_of_models(situation, rows),
        **_at_hand(situation, rows),
        **{f"{source}_rank": ranks.get(source, 0.0) for source in RANKED_SOURCES},
    }
    features = np.empty((len(FEATURES), len(rows)), dtype=np.float32)
    for position, name in enumerate(FEATURES):
        features[position] = columns[name]
    return features.T


def _personal(situation: Situation, rows: Rows) -> dict[str, Column]:
    shopper, now_day = situation.shopper, situation.now_day
    purchases = shopper.purchases
    place, bought = _places(purchases, rows)
    if not bought.any():
        nothing: dict[str, Column] = dict.fromkeys(FEATURES[:10], 0.0)
        never: dict[str, Column] = {"days_since_first": NEVER_DAYS, "days_since_last": NEVER_DAYS}
        return nothing | never | {"gap_days_expected": USUAL_GAP_DAYS, "is_new": 1.0}
    gap = np.where(bought, days_until_again(purchases, situation.model.rhythm.gap_days)[place], USUAL_GAP_DAYS)
    since_last = np.where(bought, now_day - purchases.last_day[place], NEVER_DAYS)
    baskets, long = purchases.baskets[place] * bought, purchases.decayed_long[place] * bought
    return {
        "baskets": baskets,
        "basket_share": baskets / max(shopper.n_baskets, 1),
        "decayed_short": purchases.decayed_short[place] * bought,
        "decayed_long": long,
        "decayed_long_share": long / purchases.decayed_long.sum(),
        "days_since_first": np.where(bought, now_day - purchases.first_day[place], NEVER_DAYS),
        "days_since_last": since_last,
        "gap_days_expected": gap,
        "due": since_last / gap * bought,
        "is_new": ~bought,
    }


def _places(purchases: Purchases, rows: Rows) -> tuple[NDArray[np.intp], Mask]:
    """Where each row stands among the purchases (any place if nowhere), and whether it does."""
    if not len(purchases):
        return np.zeros(len(rows), dtype=np.intp), np.zeros(len(rows), dtype=np.bool_)
    place = np.minimum(np.searchsorted(purchases.rows, rows), len(purchases) - 1)
    return place, purchases.rows[place] == rows


def _of_shopper(situation: Situation) -> dict[str, Column]:
    shopper, now_day = situation.shopper, situation.now_day
    last_day = shopper.purchases.last_day.max(initial=-np.inf)
    return {
        "shopper_baskets": shopper.n_baskets,
        "tenure_days": 0.0 if np.isnan(shopper.first_day) else now_day - shopper.first_day,
        "days_since_last_basket": min(now_day - last_day, NEVER_DAYS),
    }


def _affinities(situation: Situation, rows: Rows) -> dict[str, Column]:
    purchases, catalogue = situation.shopper.purchases, situation.catalogue
    return {f"{kind}_affinity": affinity(kind, purchases, catalogue, rows) for kind in KINDS}


def _of_items(situation: Situation, rows: Rows) -> dict[str, Column]:
    catalogue, model = situation.catalogue, situation.model
    popularity, price = model.popularity, catalogue.number["price"]
    price_log = np.nan_to_num(np.log1p(price[rows]))
    usual = np.log1p(price[situation.shopper.purchases.rows])
    usual = usual[~np.isnan(usual)]
    return {
        "buyers_log": np.log1p(take_or(popularity.overall, rows, 0.0)),
        "recent_buyers_log": np.log1p(take_or(popularity.recent, rows, 0.0)),
        "weekly_buyers_log": np.log1p(take_or(popularity.weekly, rows, 0.0)),
        "trend": take_or(popularity.trend, rows, 1.0),
        "repeat_share": take_or(model.rhythm.repeat_share, rows, 0.0),
        "gap_days": np.nan_to_num(take_or(model.rhythm.gap_days, rows, np.nan), nan=USUAL_GAP_DAYS),
        "item_age_days": np.nan_to_num(situation.now_day - catalogue.number["added_day"][rows], nan=NEVER_DAYS),
        "price_log": price_log,
        "price_log_above_usual": price_log - usual.mean() if len(usual) else 0.0,
    }


def _of_models(situation: Situation, rows: Rows) -> dict[str, Column]:
    return {
        "embedding_score": _embedding_scores(situation, rows),
        "near_purchases": situation.near_purchases.of(rows),
        "near_session": situation.near_session.of(rows),
        "together": situation.together.of(rows),
    }


def _embedding_scores(situation: Situation, rows: Rows) -> Floats:
    """Inner products with the shopper's embedding; 0 without one, and for rows that training did not see."""
    embeddings, vector = situation.model.embeddings, situation.vector
    scores = np.zeros(len(rows), dtype=np.float32)
    if vector is not None:
        known = rows < len(embeddings)
        scores[known] = embeddings[rows[known]] @ vector
    return scores


def _at_hand(situation: Situation, rows: Rows) -> dict[str, Column]:
    """Whether an item is at hand, and which share of what is at hand is of its category and type."""
    at_hand, text = situation.at_hand, situation.catalogue.text
    if not len(at_hand):
        return {"at_hand": 0.0, "category_at_hand": 0.0, "type_at_hand": 0.0}
    return {
        "at_hand": np.isin(rows, at_hand),
        "category_at_hand": _equal(text["category"].codes[rows], text["category"].codes[at_hand]).mean(axis=1),
        "type_at_hand": _equal(text["type"].codes[rows], text["type"].codes[at_hand]).mean(axis=1),
    }


def _equal(some: Rows, others: Rows) -> Mask:
    """(n, m): whether each of `some` equals each of `others`, and is known."""
    return (some[:, None] == others) & (some >= 0)[:, None]
