"""The catalogue as it stood at a cut: which items there were, at which price."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.offline.purchases import day_of
from recommender.arrays import Mask, Rows
from recommender.catalogue import Catalogue, CatalogueItem
from training.interactions import Interactions


@dataclass(frozen=True, slots=True)
class Assortment:
    """Items at a cut, in the order of their rows.

    Attributes:
        items: row r is the r-th, ascending by item number.
        row_of_position: (n_catalogue,) the row of each position in the whole catalogue; -1: not there at the cut.
        learnable: (n_items,) False for the departments that nothing is learnt from.
    """

    items: list[CatalogueItem]
    row_of_position: Rows
    learnable: Mask

    def __len__(self) -> int:
        return len(self.items)


def assortment_at(
    catalogue: Sequence[CatalogueItem],
    interactions: Interactions,
    left_out_departments: Sequence[str],
    cut_day: float,
) -> Assortment:
    """The items added or bought before `cut_day`."""
    added_day = np.array([item.added_day for item in catalogue])
    bought = interactions.purchases.filter(pl.col("day") < cut_day)["item"].to_numpy()
    there = added_day < cut_day
    there[bought] = True
    positions = np.flatnonzero(there)
    row_of_position: Rows = np.full(len(catalogue), -1, dtype=np.int32)
    row_of_position[positions] = np.arange(len(positions), dtype=np.int32)
    items = [catalogue[position] for position in positions.tolist()]
    return Assortment(items, row_of_position, learnable_items(items, left_out_departments))


def learnable_items(items: Sequence[CatalogueItem], left_out_departments: Sequence[str]) -> Mask:
    """(n_items,) False for the departments (any case) that nothing is learnt from."""
    left_out = {name.casefold() for name in left_out_departments}
    return np.array([(item.department or "none").casefold() not in left_out for item in items], dtype=np.bool_)


def prices_at(prices: pl.LazyFrame, catalogue: Sequence[CatalogueItem], cut_day: float) -> NDArray[np.float64]:
    """The chain-wide price of each catalogue item as of `cut_day`, in minor units; NaN where none was known then.

    In: item_id str, store_id str (null: the chain), valid_from datetime or date, price i64.
    """
    valid = pl.col("valid_from").cast(pl.Datetime("us", "UTC"))
    latest = (
        prices.filter(pl.col("store_id").is_null())
        .with_columns(valid_from=valid)
        .filter(day_of("valid_from") < cut_day)
        .group_by("item_id")
        .agg(pl.col("price").sort_by("valid_from").last())
    )
    wanted = pl.LazyFrame({"item_id": [item.item_id for item in catalogue]}, schema={"item_id": pl.String()})
    joined = wanted.join(latest, on="item_id", how="left", maintain_order="left").collect()
    return joined["price"].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def catalogue_of_then(assortment: Assortment, past_prices: NDArray[np.float64]) -> Catalogue:
    """The catalogue of an assortment of the past.

    Prices are those of `past_prices` ((n_catalogue,) minor units), today's where it is NaN. Everything counts as in
    stock, because nobody recorded what was on the shelf.
    """
    catalogue = Catalogue.of(assortment.items, spare=0)
    there = assortment.row_of_position >= 0
    price, today = past_prices[there], catalogue.number["price"]
    today[: catalogue.n] = np.where(np.isnan(price), today[: catalogue.n], price)
    catalogue.in_stock[: catalogue.n] = True
    hidden = np.array([item.hidden for item in assortment.items], dtype=np.bool_)
    catalogue.visible[: catalogue.n] = ~hidden & ~np.isnan(today[: catalogue.n])
    catalogue.write_cards(slice(catalogue.n))
    return catalogue
