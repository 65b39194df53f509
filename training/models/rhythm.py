"""How long it takes until an item is bought again, and how many of its buyers do."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from recommender.arrays import Floats
from recommender.catalogue import CatalogueItem
from recommender.model import Rhythm
from training.models.pairs import gaps_of, pairs_of

MIN_GAPS = 5  # fewer gaps: no median
PRIOR_BUYERS = 10.0  # buyers with the category's share that are added to each item


def fit_rhythm(purchases: pl.DataFrame, items: Sequence[CatalogueItem]) -> Rhythm:
    """Learn the rhythm of each item.

    In: user u32, item_row i32, day f64; at most one row per (order, item); ascending by day.
    """
    return Rhythm(gap_days=_gap_days(purchases, len(items)), repeat_share=_repeat_share(purchases, items))


def _gap_days(purchases: pl.DataFrame, n_items: int) -> Floats:
    rows, days = gaps_of(purchases, n_items)
    gaps = (
        pl.LazyFrame({"item_row": rows, "gap": days})
        .group_by("item_row")
        .agg(pl.col("gap").median(), n=pl.len())
        .filter(pl.col("n") >= MIN_GAPS)
        .collect()
    )
    gap_days: Floats = np.full(n_items, np.nan, dtype=np.float32)
    gap_days[gaps["item_row"].to_numpy()] = gaps["gap"].to_numpy()
    return gap_days


def _repeat_share(purchases: pl.DataFrame, items: Sequence[CatalogueItem]) -> Floats:
    rows, times = pairs_of(purchases, len(items))
    counted = pl.DataFrame(
        {
            "category": [item.category for item in items],
            "buyers": np.bincount(rows, minlength=len(items)),
            "repeaters": np.bincount(rows[times > 1], minlength=len(items)),
        },
        schema_overrides={"category": pl.String()},
    )
    everyone = int(counted["repeaters"].sum()) / max(int(counted["buyers"].sum()), 1)
    shares = counted.with_columns(
        category_share=(pl.col("repeaters").sum() + PRIOR_BUYERS * everyone).over("category")
        / (pl.col("buyers").sum() + PRIOR_BUYERS).over("category")
    )
    shrunk = (pl.col("repeaters") + PRIOR_BUYERS * pl.col("category_share")) / (pl.col("buyers") + PRIOR_BUYERS)
    return shares.select(shrunk.cast(pl.Float32)).to_series().to_numpy()
