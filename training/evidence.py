"""What had happened before a cut, by item row and shopper position: all that one fit may see."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from features.events.schema import PRODUCT_ADDED, PRODUCT_VIEWED
from features.offline.histories import purchases_before
from features.offline.numbers import number_orders, starts_of, without_gaps
from recommender.arrays import Mask
from training.assortment import Assortment
from training.config import WeightsConfig
from training.interactions import Interactions


@dataclass(frozen=True, slots=True)
class Evidence:
    """Interactions before `cut_day`.

    Attributes:
        n_users, n_items: shoppers and item rows are below them.
        purchases: user u32, order u32, item_row i32, user_id, store_id, day f64, quantity f64, ascending by day; users
            and orders have numbers without gaps, ascending by id.
        touches: user u32, item_row i32, event str, day f64.
        learnable: (n_items,) False for the items that nothing is learnt from.
    """

    cut_day: float
    n_users: int
    n_items: int
    purchases: pl.DataFrame
    touches: pl.DataFrame
    learnable: Mask

    def learnable_purchases(self, *columns: str) -> pl.DataFrame:
        """These columns of the purchases that models learn from."""
        return self.purchases.select(columns).filter(self.learnable[self.purchases["item_row"].to_numpy()])


def evidence_before(interactions: Interactions, assortment: Assortment, cut_day: float) -> Evidence:
    """Cut the interactions: nothing at or after `cut_day` is in, nor refunds that came later."""
    columns = ("user_id", "order_id", "item", "store_id", "day", "quantity")
    bought = purchases_before(interactions.purchases.lazy(), cut_day).select(columns).collect()
    touched = interactions.touches.filter(pl.col("day") < cut_day)
    buying, touching = bought["user_id"].to_physical().to_numpy(), touched["user_id"].to_physical().to_numpy()
    user_of = without_gaps(buying, touching)
    users, row_of = user_of[buying], assortment.row_of_position
    orders = number_orders(users, bought["order_id"].to_physical().to_numpy())
    return Evidence(
        cut_day=cut_day,
        n_users=int(max(user_of[buying].max(initial=-1), user_of[touching].max(initial=-1))) + 1,
        n_items=len(assortment),
        purchases=bought.select(
            "user_id", "store_id", "day", "quantity",
            user=pl.Series(users, dtype=pl.UInt32()),
            order=pl.Series(orders, dtype=pl.UInt32()),
            item_row=pl.Series(row_of[bought["item"].to_numpy()]),
        ),
        touches=touched.select(
            "event", "day",
            user=pl.Series(user_of[touching], dtype=pl.UInt32()),
            item_row=pl.Series(row_of[touched["item"].to_numpy()]),
        ).filter(pl.col("item_row") >= 0),
        learnable=assortment.learnable,
    )  # fmt: skip


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
    pairs = users * np.int64(evidence.n_items) + rows
    by_pair = np.argsort(pairs)
    begins = starts_of(pairs[by_pair])
    firsts = by_pair[begins]
    most = np.maximum.reduceat(entries[by_pair], begins) if len(begins) else entries
    return csr_matrix((most, (users[firsts], rows[firsts])), shape=(evidence.n_users, evidence.n_items))


def _weighted(
    evidence: Evidence, weights: WeightsConfig, half_life_days: float
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    """User, item row and weight of each interaction."""
    bought, touched = evidence.learnable_purchases("user", "item_row", "day", "quantity"), evidence.touches
    by_kind = {PRODUCT_VIEWED: weights.viewed, PRODUCT_ADDED: weights.added}
    quantity = np.maximum(bought["quantity"].to_numpy(), 1.0)
    of_orders = weights.ordered * (1.0 + weights.quantity * np.log(quantity))
    of_touches = touched["event"].replace_strict(by_kind, default=0.0, return_dtype=pl.Float64).to_numpy()

    def faded(weight: NDArray[np.float64], days: pl.Series) -> NDArray[np.float32]:
        return (weight * np.exp2((days.to_numpy() - evidence.cut_day) / half_life_days)).astype(np.float32)

    users = np.concatenate([bought["user"].to_numpy(), touched["user"].to_numpy()]).astype(np.int32)
    rows = np.concatenate([bought["item_row"].to_numpy(), touched["item_row"].to_numpy()])
    return users, rows, np.concatenate([faded(of_orders, bought["day"]), faded(of_touches, touched["day"])])
