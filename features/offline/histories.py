"""What each shopper had bought up to a moment, computed from purchases at any past cut."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.offline.numbers import number_orders, numbers_of, starts_of, without_gaps
from recommender.arrays import Floats, Mask
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

    In:  user_id str or an enumeration, order_id (anything that tells orders of a shopper apart), item_row i32, day f64
         before `cut_day`; at most one row per (order, item); any order.
    Out: shoppers ascending by user id, their entries ascending by item row; with no coupons.
    """
    bought = purchases.select("user_id", "order_id", "item_row", "day").collect()
    known = bought["user_id"].unique().sort()
    users = numbers_of(bought["user_id"])
    users = without_gaps(users)[users]
    n_items = np.int64(1) + bought["item_row"].to_numpy().max(initial=0)
    pairs = users * n_items + bought["item_row"].to_numpy()
    by_pair = np.argsort(pairs, kind="stable")
    pairs, days = pairs[by_pair], bought["day"].to_numpy()[by_pair]
    del by_pair
    starts = starts_of(pairs)
    first_day, pairs = np.minimum.reduceat(days, starts), pairs[starts]
    offsets = np.searchsorted(pairs, np.arange(len(known) + 1) * n_items)

    def decayed(half_life: float) -> Floats:
        return np.add.reduceat(np.exp2((days - cut_day) / half_life), starts).astype(np.float32)

    return Histories(
        cut_day=cut_day,
        position_of={UserId(user): position for position, user in enumerate(known)},
        offsets=offsets,
        rows=(pairs % n_items).astype(np.int32),
        baskets=np.diff(starts, append=len(days)).astype(np.float32),
        decayed_short=decayed(HALF_LIFE_SHORT),
        decayed_long=decayed(HALF_LIFE_LONG),
        first_day=first_day,
        last_day=np.maximum.reduceat(days, starts),
        n_baskets=_count_orders(users, numbers_of(bought["order_id"]), len(known)),
        first_basket_day=np.minimum.reduceat(first_day, offsets[:-1]),
        coupons_redeemed=np.zeros(len(known), dtype=np.float32),
        coupons_expected=np.zeros(len(known), dtype=np.float32),
    )


def _count_orders(users: NDArray[np.integer], order_ids: NDArray[np.integer], n_users: int) -> NDArray[np.int32]:
    orders = number_orders(users, order_ids)
    user_of = np.empty(int(orders.max(initial=-1)) + 1, dtype=np.int32)
    user_of[orders] = users
    return np.bincount(user_of, minlength=n_users).astype(np.int32)


def with_aliases(histories: Histories, aliases: Mapping[UserId, UserId]) -> Histories:
    """The same, where other user ids of a person find the history too."""
    known = histories.position_of
    also = {user: known[person] for user, person in aliases.items() if person in known}
    return replace(histories, position_of={**known, **also})


def without_users(histories: Histories, users: AbstractSet[UserId]) -> Histories:
    """The same without these users; whoever shares a history with one of them loses it too."""
    gone = [histories.position_of[user] for user in users if user in histories.position_of]
    return _those(histories, ~_mask(histories, gone)) if gone else histories


def of_users(histories: Histories, users: Iterable[UserId]) -> Histories:
    """Those of these users alone, and of whoever shares one with them."""
    return _those(histories, _mask(histories, [histories.position_of[u] for u in users if u in histories.position_of]))


def _mask(histories: Histories, positions: list[int]) -> Mask:
    mask = np.zeros(len(histories.n_baskets), dtype=np.bool_)
    mask[positions] = True
    return mask


def _those(histories: Histories, stays: Mask) -> Histories:
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
