"""Tastes and counters of shoppers at any past moment: the offline twin of `recommender.tastes`."""

from datetime import datetime

import polars as pl

from features.offline.purchases import day_of
from recommender.shopper import HALF_LIFE_SHORT, EventKind
from recommender.tastes import (
    BASKET_WEIGHT,
    COUNTED,
    COUNTER_WINDOWS,
    EVENT_HALF_LIFE,
    EVENT_WEIGHTS,
    FAVOURITES,
)


def interest_at(touches: pl.LazyFrame, purchases: pl.LazyFrame, now: datetime) -> pl.LazyFrame:
    """How much each touch and basket says of its user's tastes at `now`.

    In:  touches as of `read_touches`, up to `now`. purchases as of `purchases_before`, at `now`: user_id str,
         item_id str, day f64.
    Out: user_id str, item_id str, weight f64 above 0; repeats possible, in no order.
    """
    now_day = now.timestamp() / 86_400
    weights = {int(kind): weight for kind, weight in EVENT_WEIGHTS.items()}
    age = now_day - day_of("occurred_at")
    touched = touches.filter(pl.col("kind").is_in(weights)).select(
        "user_id",
        "item_id",
        weight=pl.col("kind").replace_strict(weights, return_dtype=pl.Float64) * 2.0 ** (-age / EVENT_HALF_LIFE),
    )
    bought = purchases.select(
        "user_id", "item_id", weight=BASKET_WEIGHT * 2.0 ** ((pl.col("day") - now_day) / HALF_LIFE_SHORT)
    )
    return pl.concat([touched, bought])


def affinities_at(interest: pl.LazyFrame, items: pl.LazyFrame, fact: str) -> pl.LazyFrame:
    """Each user's affinity to the words of a fact of the items, strongest first.

    In:  interest as of `interest_at`. items: item_id str, and `fact` str.
    Out: user_id str, word str, affinity f64, by user and falling affinity.
    """
    return (
        interest.join(items.select("item_id", word=fact).drop_nulls(), on="item_id")
        .group_by("user_id", "word")
        .agg(affinity=pl.col("weight").sum())
        .sort("user_id", "affinity", "word", descending=[False, True, False])
    )


def price_levels_at(interest: pl.LazyFrame, items: pl.LazyFrame) -> pl.LazyFrame:
    """How dear what interests each user is within the favourite categories, from 0 (cheapest) to 1 (dearest).

    In:  interest as of `interest_at`. items: item_id str, category str, price in minor units; all of the catalogue.
    Out: user_id str, price_level f64; nobody of whom no price can be compared.
    """
    prices = pl.col("price")
    n_others = prices.len().over("category") - 1
    level = ((prices.rank("min") + prices.rank("max")).over("category") - 2) / (2 * n_others)
    levels = items.drop_nulls(["category", "price"]).select("item_id", "category", level=level, n_others=n_others)
    favourite = affinities_at(interest, items, "category").group_by("user_id", maintain_order=True).head(FAVOURITES)
    weight = pl.col("weight")
    return (
        interest.join(levels.filter(pl.col("n_others") > 0), on="item_id")
        .join(favourite.select("user_id", category="word"), on=["user_id", "category"], how="semi")
        .group_by("user_id")
        .agg(price_level=(pl.col("level") * weight).sum() / weight.sum())
    )


def counters_at(touches: pl.LazyFrame, now: datetime) -> pl.LazyFrame:
    """Events of each user by kind and window; both ends of a window count.

    In:  touches as of `read_touches`, up to `now`.
    Out: user_id str, then u32 columns named like the facts ("views_1h").
    """
    return touches.group_by("user_id").agg(
        ((pl.col("kind") == int(kind)) & (pl.col("occurred_at") >= now - window)).sum().alias(f"{events}_{name}")
        for events, kind in COUNTED.items()
        for name, window in COUNTER_WINDOWS.items()
    )


def last_seen(touches: pl.LazyFrame) -> pl.LazyFrame:
    """When each user last viewed each item.

    In: touches as of `read_touches`. Out: user_id str, item_id str, seen_at datetime; in no order.
    """
    viewed = touches.filter(pl.col("kind") == int(EventKind.VIEWED))
    return viewed.group_by("user_id", "item_id").agg(seen_at=pl.col("occurred_at").max())
