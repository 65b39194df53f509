"""What each shopper had bought up to a moment, computed from purchases at any past cut."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

import numpy as np
import polars as pl

from recommender.ids import UserId
from recommender.model import Histories
from recommender.shopper import HALF_LIFE_LONG, HALF_LIFE_SHORT


def purchases_before(purchases: pl.LazyFrame, cut_day: float) -> pl.LazyFrame:
    """Rows bought before `cut_day` and not taken back before it: later refunds are not known yet.

    In:  day f64, taken_back_day f64 and any others. Out: the same columns.
    """
    return purchases.filter((pl.col("day") < cut_day) & (pl.col("taken_back_day") >= cut_day))


def build_histories(purchases: pl.LazyFrame, cut_day: float) -> Histories:
    """Sum up purchases by shopper and item.

    In:  user_id str, order_id (anything that tells orders apart), item_row i32, day f64 before `cut_day`; at most one
         row per (order, item); any order.
    Out: shoppers ascending by user id, their entries ascending by item row; with no coupons.
    """
    by_item = _by_item(purchases, cut_day).collect(engine="streaming")
    by_user = (
        purchases.group_by("user_id")
        .agg(n_baskets=pl.col("order_id").n_unique(), first_basket_day=pl.col("day").min())
        .sort("user_id")
        .collect(engine="streaming")
    )
    counts = by_item.group_by("user_id").len().sort("user_id")["len"].to_numpy()
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    return Histories(
        cut_day=cut_day,
        position_of={UserId(user): position for position, user in enumerate(by_user["user_id"].to_list())},
        offsets=offsets,
        rows=by_item["item_row"].to_numpy().astype(np.int32),
        baskets=by_item["baskets"].to_numpy().astype(np.float32),
        decayed_short=by_item["decayed_short"].to_numpy().astype(np.float32),
        decayed_long=by_item["decayed_long"].to_numpy().astype(np.float32),
        first_day=by_item["first_day"].to_numpy().astype(np.float64),
        last_day=by_item["last_day"].to_numpy().astype(np.float64),
        n_baskets=by_user["n_baskets"].to_numpy().astype(np.int32),
        first_basket_day=by_user["first_basket_day"].to_numpy().astype(np.float64),
        coupons_redeemed=np.zeros(len(by_user), dtype=np.float32),
        coupons_expected=np.zeros(len(by_user), dtype=np.float32),
    )


def with_aliases(histories: Histories, aliases: Mapping[UserId, UserId]) -> Histories:
    """The same, where other user ids of a person find the history too."""
    known = histories.position_of
    also = {user: known[person] for user, person in aliases.items() if person in known}
    return replace(histories, position_of={**known, **also})


def without_users(histories: Histories, users: AbstractSet[UserId]) -> Histories:
    """The same without these users; whoever shares a history with one of them loses it too."""
    gone = {histories.position_of[user] for user in users if user in histories.position_of}
    if not gone:
        return histories
    stays = np.ones(len(histories.n_baskets), dtype=np.bool_)
    stays[sorted(gone)] = False
    lengths = np.diff(histories.offsets)
    entries = np.repeat(stays, lengths)
    new_position = np.cumsum(stays) - 1
    return Histories(
        cut_day=histories.cut_day,
        position_of={user: int(new_position[at]) for user, at in histories.position_of.items() if stays[at]},
        offsets=np.concatenate([[0], np.cumsum(lengths[stays])]).astype(np.int64),
        rows=histories.rows[entries],
        baskets=histories.baskets[entries],
        decayed_short=histories.decayed_short[entries],
        decayed_long=histories.decayed_long[entries],
        first_day=histories.first_day[entries],
        last_day=histories.last_day[entries],
        n_baskets=histories.n_baskets[stays],
        first_basket_day=histories.first_basket_day[stays],
        coupons_redeemed=histories.coupons_redeemed[stays],
        coupons_expected=histories.coupons_expected[stays],
    )


def _by_item(purchases: pl.LazyFrame, cut_day: float) -> pl.LazyFrame:
    age_days = cut_day - pl.col("day")
    return (
        purchases.group_by("user_id", "item_row")
        .agg(
            baskets=pl.len(),
            decayed_short=(2.0 ** (-age_days / HALF_LIFE_SHORT)).sum(),
            decayed_long=(2.0 ** (-age_days / HALF_LIFE_LONG)).sum(),
            first_day=pl.col("day").min(),
            last_day=pl.col("day").max(),
        )
        .sort("user_id", "item_row")
    )
