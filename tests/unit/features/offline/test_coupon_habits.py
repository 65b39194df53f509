import numpy as np
import polars as pl
import pytest

from features.offline.coupon_habits import coupon_habits, with_habits
from features.offline.histories import build_histories

RECEIVED = pl.DataFrame(
    [("ann", "a", 10.0), ("bob", "a", 10.0), ("ann", "b", 20.0), ("cid", "b", 20.0), ("ann", "c", 90.0)],
    schema={"user_id": pl.String, "group": pl.String, "starts_day": pl.Float64}, orient="row",
)  # fmt: skip


def redeemed(*rows: tuple[str, str, float]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema={"user_id": pl.String, "group": pl.String, "day": pl.Float64}, orient="row")
    return frame.with_columns(taken_back_day=float("inf"))


def test_what_was_redeemed_stands_beside_what_others_redeemed_of_the_same() -> None:
    found = coupon_habits(RECEIVED, redeemed(("bob", "a", 11.0), ("bob", "a", 12.0), ("ann", "b", 21.0)), 50.0)
    assert found.rows() == [("ann", 1.0, 1.5), ("bob", 2.0, 1.0), ("cid", 0.0, 0.5)]


def test_what_was_taken_back_by_the_cut_does_not_count() -> None:
    rows = redeemed(("bob", "a", 11.0)).with_columns(taken_back_day=40.0)
    assert coupon_habits(RECEIVED, rows, 41.0).is_empty()
    assert coupon_habits(RECEIVED, rows, 40.0).rows() == [("ann", 0.0, 0.5), ("bob", 1.0, 0.5)]


@pytest.mark.parametrize("later", [("ann", "a", 50.0), ("bob", "b", 60.0), ("ann", "c", 91.0)])
def test_nothing_from_the_cut_on_counts(later: tuple[str, str, float]) -> None:
    known = [("bob", "a", 11.0), ("ann", "b", 21.0)]
    assert coupon_habits(RECEIVED, redeemed(*known, later), 50.0).equals(
        coupon_habits(RECEIVED, redeemed(*known), 50.0)
    )


def test_habits_are_put_to_the_histories_of_their_shoppers() -> None:
    bought = pl.LazyFrame({"user_id": ["bob", "dan"], "order_id": [1, 2], "item_row": [0, 0], "day": [1.0, 2.0]})
    histories = build_histories(bought.with_columns(pl.col("item_row").cast(pl.Int32)), 50.0)
    with_coupons = with_habits(histories, coupon_habits(RECEIVED, redeemed(("bob", "a", 11.0)), 50.0))
    assert np.array_equal(with_coupons.coupons_redeemed, [1.0, 0.0])
    assert np.array_equal(with_coupons.coupons_expected, [0.5, 0.0])
