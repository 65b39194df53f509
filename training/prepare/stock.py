"""Invented stock for the demo: the data set has none. Seeded, so that each run invents the same."""

from datetime import timedelta

import numpy as np
import polars as pl

SEED = 20170101
_SUPPLY = timedelta(days=28)
_POPULAR = 2000  # items that the chain never runs out of
_CHAIN_SOLD_OUT = 0.002  # share of the other items
_STORE_SOLD_OUT = 0.05  # share of what a store has sold in the last four weeks
_STORE_LOW = 0.01  # share of which it has a unit or two left


def chain_stock(item_ids: pl.Series, lines: pl.DataFrame) -> pl.Series:
    """Units of each item in the whole chain: what it sells in one to three months, and at least a case of 12.

    A few that are not popular are sold out. i64, in the order of `item_ids`.
    """
    rng = np.random.default_rng(SEED)
    since = lines.select(pl.col("occurred_at").max() - _SUPPLY).item()
    sold = lines.filter(pl.col("occurred_at") > since).group_by("item_id").agg(sold=pl.col("quantity").sum())
    demand = item_ids.to_frame("item_id").join(sold, on="item_id", how="left", maintain_order="left")["sold"]
    sold_units = demand.fill_null(0.0).to_numpy()
    stock = 12 + np.ceil(sold_units * rng.uniform(1.0, 3.0, len(sold_units)))
    is_popular = np.zeros(len(stock), dtype=np.bool_)
    is_popular[np.argsort(-sold_units, kind="stable")[:_POPULAR]] = True
    stock[(rng.random(len(stock)) < _CHAIN_SOLD_OUT) & ~is_popular] = 0
    return pl.Series("stock", stock.astype(np.int64))


def store_stock(lines: pl.DataFrame) -> pl.DataFrame:
    """Examples of what single stores have run out of, or nearly; of all else a store says nothing.

    Out: store_id, item_id str; quantity i64, 0 for sold out; by store and item.
    """
    since = lines.select(pl.col("occurred_at").max() - _SUPPLY).item()
    sells = (
        lines.filter(pl.col("occurred_at") > since).select("store_id", "item_id").unique().sort("store_id", "item_id")
    )
    rng = np.random.default_rng(SEED + 1)
    drawn = rng.random(sells.height)
    quantity = np.where(drawn < _STORE_SOLD_OUT, 0, rng.integers(1, 3, sells.height))
    examples = sells.with_columns(quantity=pl.Series(quantity, dtype=pl.Int64))
    return examples.filter(pl.Series(drawn < _STORE_SOLD_OUT + _STORE_LOW))
