import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.offline.histories import build_histories, of_users, without_users
from recommender.ids import UserId
from recommender.shopper import HALF_LIFE_SHORT

CUT_DAY = 100.0
SCHEMA = {"user_id": pl.String, "order_id": pl.String, "item_row": pl.Int32, "day": pl.Float64}
LINES = st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz"), st.integers(0, 4))
ROWS = st.dictionaries(LINES, st.integers(0, 99), min_size=1)


def build(rows):
    frame = pl.DataFrame([(*line, float(day)) for line, day in rows.items()], schema=SCHEMA, orient="row")
    return build_histories(frame.lazy(), CUT_DAY), frame


@given(ROWS)
def test_a_history_sums_up_what_its_shopper_bought(rows):
    histories, frame = build(rows)
    assert list(histories.position_of) == sorted({user for user, _, _ in rows})
    for user, position in histories.position_of.items():
        theirs = frame.filter(pl.col("user_id") == user)
        found = histories.of(user)
        assert found.rows.tolist() == sorted(set(theirs["item_row"]))
        assert histories.n_baskets[position] == theirs["order_id"].n_unique()
        assert histories.first_basket_day[position] == theirs["day"].min()
        for place, row in enumerate(found.rows.tolist()):
            days = theirs.filter(pl.col("item_row") == row)["day"].to_numpy()
            assert (found.baskets[place], found.first_day[place], found.last_day[place]) == (
                len(days), days.min(), days.max(),
            )  # fmt: skip
            decayed = np.exp2((days - CUT_DAY) / HALF_LIFE_SHORT).sum()
            assert found.decayed_short[place] == pytest.approx(decayed, rel=1e-6)


@given(ROWS, st.sets(st.sampled_from("abcde")))
def test_some_shoppers_and_all_the_others_have_the_histories_they_had(rows, some):
    histories, _ = build(rows)
    users = {UserId(user) for user in some}
    for part, theirs in ((of_users(histories, users), users), (without_users(histories, users), set("abcd") - users)):
        assert set(part.position_of) == set(histories.position_of) & theirs
        for user in part.position_of:
            assert part.of(user).rows.tolist() == histories.of(user).rows.tolist()
            assert part.of(user).decayed_long.tolist() == histories.of(user).decayed_long.tolist()
