"""How much everyone buys each item: overall, lately, by category and by store."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from recommender.arrays import Floats, Rows
from recommender.catalogue import CatalogueItem
from recommender.ids import StoreId
from recommender.model import Popularity
from training.models.pairs import first_days_of, pairs_of

RECENT_DAYS = 28.0
WEEK_DAYS = 7.0
TREND_PRIOR = 10.0  # weekly buyers of an unchanged item that are added to each rate
TRIED_HALF_LIFE_DAYS = 21.0
TRIED_PRIOR = 5.0  # shoppers that are added to those who had not bought an item
KEPT_BY_CATEGORY = 100
KEPT_BY_STORE = 200


def fit_popularity(purchases: pl.DataFrame, items: Sequence[CatalogueItem], cut_day: float) -> Popularity:
    """Count buyers.

    In: user u32, item_row i32, store_id str, day f64 before `cut_day`.
    """
    recent_purchases = purchases.filter(pl.col("day") >= cut_day - RECENT_DAYS)
    overall = count_buyers(purchases, len(items))
    recent = count_buyers(recent_purchases, len(items))
    weekly = count_buyers(purchases.filter(pl.col("day") >= cut_day - WEEK_DAYS), len(items))
    trend = ((weekly + TREND_PRIOR) / (recent * WEEK_DAYS / RECENT_DAYS + TREND_PRIOR)).astype(np.float32)
    bought = overall > 0
    ranking = _best_first(recent, overall)
    return Popularity(
        overall=overall,
        recent=recent,
        weekly=weekly,
        trend=trend,
        tried=_tried(purchases, overall, cut_day),
        ranking=ranking[bought[ranking]],
        trending=_trending(recent * trend, overall, recent),
        by_category=_by_category(ranking[bought[ranking]], items),
        by_store=_by_store(recent_purchases, overall),
    )


def count_buyers(purchases: pl.DataFrame, n_items: int) -> Floats:
    """(n_items,) distinct shoppers of each item."""
    return np.bincount(pairs_of(purchases, n_items)[0], minlength=n_items).astype(np.float32)


def _tried(purchases: pl.DataFrame, buyers: Floats, cut_day: float) -> Floats:
    """As `Popularity.tried`: what new items are bought by, where those that everybody has bought stand out no more."""
    rows, first_days = first_days_of(purchases, len(buyers))
    weights = np.exp2((first_days - cut_day) / TRIED_HALF_LIFE_DAYS)
    counts = np.bincount(rows, weights, minlength=len(buyers))
    others = purchases["user"].n_unique() - buyers + TRIED_PRIOR
    return (10_000.0 * counts / others).astype(np.float32)


def _best_first(scores: Floats, ties: Floats) -> Rows:
    return np.lexsort((np.arange(len(scores)), -ties, -scores)).astype(np.int32)


def _trending(scores: Floats, ties: Floats, recent: Floats) -> Rows:
    rows = _best_first(scores, ties)
    return rows[recent[rows] > 0]


def _by_category(ranking: Rows, items: Sequence[CatalogueItem]) -> Mapping[str, Rows]:
    rows = dict[str, list[int]]()
    for row in ranking.tolist():
        category = items[row].category
        if category is not None:
            rows.setdefault(category, []).append(row)
    return {category: np.array(best[:KEPT_BY_CATEGORY], dtype=np.int32) for category, best in sorted(rows.items())}


def _by_store(purchases: pl.DataFrame, overall: Floats) -> Mapping[StoreId, Rows]:
    everywhere = pl.DataFrame({"item_row": np.arange(len(overall), dtype=np.int32), "overall": overall})
    best = (
        purchases.filter(pl.col("store_id").is_not_null())
        .group_by("store_id", "item_row")
        .agg(buyers=pl.col("user").n_unique())
        .join(everywhere, on="item_row")
        .sort(["store_id", "buyers", "overall", "item_row"], descending=[False, True, True, False])
    )
    grouped = best.group_by("store_id", maintain_order=True).agg(pl.col("item_row").head(KEPT_BY_STORE))
    return {StoreId(store): np.array(rows, dtype=np.int32) for store, rows in grouped.iter_rows()}
