"""What shoppers looked at after a cut: what the ranker of clicks learns from."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from recommender.ids import UserId
from recommender.model import Histories
from training.assortment import Assortment
from training.evaluate.metrics import Relevant
from training.interactions import Interactions


@dataclass(frozen=True, slots=True)
class Touched:
    """Items viewed, or put into the cart, in the window after a cut by shoppers who had bought something before it.

    Attributes:
        user_ids: of shopper 0, 1, ...
        items: of each shopper, the item rows.
    """

    user_ids: tuple[UserId, ...]
    items: Relevant

    def __len__(self) -> int:
        return len(self.user_ids)


def touched_between(
    interactions: Interactions,
    assortment: Assortment,
    histories: Histories,
    *,
    cut_day: float,
    end_day: float,
    most_shoppers: int,
    seed: int,
) -> Touched:
    """Touches in [cut_day, end_day) of items that were there at the cut and are learnt from.

    Args:
        histories: up to the cut; who is not in them is left out.
        most_shoppers: of more, so many are drawn by `seed`.
    """
    window = interactions.touches.filter(pl.col("day").is_between(cut_day, end_day, closed="left"))
    rows = assortment.row_of_position[window["item"].to_numpy()]
    kept = (rows >= 0) & assortment.learnable[rows]
    pairs = window.select("user_id", item_row=pl.Series(rows, dtype=pl.Int32())).filter(kept).unique()
    users = pairs["user_id"].unique().sort()
    users = users.filter(pl.Series([user in histories.position_of for user in users], dtype=pl.Boolean()))
    if len(users) > most_shoppers:
        users = users.sample(most_shoppers, seed=seed).sort()
    numbers = pl.DataFrame({"user_id": users, "shopper": np.arange(len(users), dtype=np.int32)})
    ordered = pairs.join(numbers, on="user_id").sort("shopper", "item_row")
    sizes = np.bincount(ordered["shopper"].to_numpy(), minlength=len(users))
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    user_ids = tuple(UserId(user) for user in users)
    return Touched(user_ids, Relevant(offsets=offsets, rows=ordered["item_row"].to_numpy()))
