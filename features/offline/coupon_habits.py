"""How many coupons each shopper redeemed up to a moment, beside how many others did who were sent the same."""

from dataclasses import replace

import numpy as np
import polars as pl

from recommender.ids import UserId
from recommender.model import Histories


def coupon_habits(received: pl.DataFrame, redemptions: pl.DataFrame, cut_day: float) -> pl.DataFrame:
    """Count what each shopper redeemed, and what was to be expected.

    In:  received: user_id str, group str, starts_day f64; a row each time that a shopper got something of the group.
         redemptions: user_id str, group str; day, taken_back_day f64; what is dated at or after `cut_day` is not
         looked at, and what had been taken back by then does not count.
    Out: user_id str; redeemed, expected f64. Each row of `received` that had started adds to the latter what such a
         row redeemed on average by then, whether it has ended or not.
    """
    known = redemptions.filter((pl.col("day") < cut_day) & (pl.col("taken_back_day") >= cut_day))
    started = received.filter(pl.col("starts_day") < cut_day)
    of_group = known.group_by("group").agg(redeemed=pl.len())
    average = (
        started.group_by("group")
        .agg(receivers=pl.len())
        .join(of_group, on="group")
        .select("group", average=pl.col("redeemed") / pl.col("receivers"))
    )
    expected = started.join(average, on="group").group_by("user_id").agg(expected=pl.col("average").sum())
    redeemed = known.group_by("user_id").agg(redeemed=pl.len().cast(pl.Float64))
    both = redeemed.join(expected, on="user_id", how="full", coalesce=True)
    return both.select("user_id", pl.col("redeemed", "expected").fill_null(0.0)).sort("user_id")


def with_habits(histories: Histories, habits: pl.DataFrame) -> Histories:
    """The same histories, with what `coupon_habits` counted; who has no history is left out."""
    positions = [histories.position_of.get(UserId(user), -1) for user in habits["user_id"]]
    at = np.array(positions, dtype=np.intp)
    found = at >= 0
    columns = {name: np.zeros(len(histories.n_baskets), dtype=np.float32) for name in ("redeemed", "expected")}
    for name, values in columns.items():
        values[at[found]] = habits[name].to_numpy()[found]
    return replace(histories, coupons_redeemed=columns["redeemed"], coupons_expected=columns["expected"])
