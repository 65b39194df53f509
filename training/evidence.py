"""What had happened before a cut, by item row and shopper position: all that one fit may see."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from features.events.schema import PRODUCT_ADDED, PRODUCT_VIEWED
from features.offline.histories import purchases_before
from recommender.arrays import Mask
from training.assortment import Assortment
from training.config import WeightsConfig
from training.interactions import Interactions


@dataclass(frozen=True, slots=True)
class Evidence:
    """Interactions before `cut_day`.

    Attributes:
        n_users, n_items: shoppers and item rows are below them.
        purchases: user u32, order u32, item_row i32, store_id str, user_id str, order_id str, day f64, quantity f64.
        touches: user u32, item_row i32, event str, day f64.
        learnable: (n_items,) False for the items that nothing is learnt from.
    """

    cut_day: float
    n_users: int
    n_items: int
    purchases: pl.DataFrame
    touches: pl.DataFrame
    learnable: Mask

    def learnable_purchases(self) -> pl.DataFrame:
        """The purchases that models learn from."""
        return self.purchases.filter(self.learnable[self.purchases["item_row"].to_numpy()])


def evidence_before(interactions: Interactions, assortment: Assortment, cut_day: float) -> Evidence:
    """Cut the interactions: nothing at or after `cut_day` is in, nor refunds that came later."""
    bought = purchases_before(interactions.purchases.lazy(), cut_day).collect()
    touched = interactions.touches.filter(pl.col("day") < cut_day)
    users = pl.concat([bought["user_id"], touched["user_id"]]).unique().sort()
    user_codes = pl.DataFrame({"user_id": users}).with_row_index("user")
    orders = bought.select("user_id", "order_id").unique().sort("user_id", "order_id").with_row_index("order")
    rows = pl.DataFrame({"item_row": assortment.row_of_position}).with_row_index("item").cast({"item": pl.Int32()})
    rows = rows.filter(pl.col("item_row") >= 0)
    with_rows = bought.join(rows, on="item", maintain_order="left").drop("item", "taken_back_day")
    with_orders = with_rows.join(orders, on=["user_id", "order_id"], maintain_order="left")
    touches = touched.join(rows, on="item", maintain_order="left").join(user_codes, on="user_id", maintain_order="left")
    return Evidence(
        cut_day=cut_day,
        n_users=len(users),
        n_items=len(assortment),
        purchases=with_orders.join(user_codes, on="user_id", maintain_order="left"),
        touches=touches.select("user", "item_row", "event", "day"),
        learnable=assortment.learnable,
    )


def weigh(evidence: Evidence, weights: WeightsConfig, half_life_days: float) -> csr_matrix:
    """Sum up the interactions of each shopper with each item, by kind, quantity and age.

    Returns:
        (n_users, n_items) float32; an order of one unit at the cut weighs `weights.ordered`, half of it
        `half_life_days` earlier.
    """
    users, rows, entries = _weighted(evidence, weights, half_life_days)
    matrix = csr_matrix((entries, (users, rows)), shape=(evidence.n_users, evidence.n_items))
    matrix.sum_duplicates()
    return matrix


def weigh_latest(evidence: Evidence, weights: WeightsConfig, half_life_days: float) -> csr_matrix:
    """The same without the sum: of each shopper and item, the interaction that weighs most stands for all."""
    users, rows, entries = _weighted(evidence, weights, half_life_days)
    by_weight = np.argsort(-entries, kind="stable")
    pairs = users[by_weight].astype(np.int64) * evidence.n_items + rows[by_weight]
    most = by_weight[np.unique(pairs, return_index=True)[1]]
    return csr_matrix((entries[most], (users[most], rows[most])), shape=(evidence.n_users, evidence.n_items))


def _weighted(
    evidence: Evidence, weights: WeightsConfig, half_life_days: float
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    """User, item row and weight of each interaction."""
    bought, touched = evidence.learnable_purchases(), evidence.touches
    by_kind = {PRODUCT_VIEWED: weights.viewed, PRODUCT_ADDED: weights.added}
    touch_weight = touched["event"].replace_strict(by_kind, default=0.0, return_dtype=pl.Float64).to_numpy()
    quantity = np.maximum(bought["quantity"].to_numpy(), 1.0)
    weight = np.concatenate([weights.ordered * (1.0 + weights.quantity * np.log(quantity)), touch_weight])
    age_days = evidence.cut_day - np.concatenate([bought["day"].to_numpy(), touched["day"].to_numpy()])
    users = np.concatenate([bought["user"].to_numpy(), touched["user"].to_numpy()]).astype(np.int32)
    rows = np.concatenate([bought["item_row"].to_numpy(), touched["item_row"].to_numpy()]).astype(np.int32)
    return users, rows, (weight * np.exp2(-age_days / half_life_days)).astype(np.float32)
