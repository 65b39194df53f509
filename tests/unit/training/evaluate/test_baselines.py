import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.catalogue import Catalogue, CatalogueItem
from recommender.ids import GroupId, ItemId, ItemNumber
from training.evaluate.baselines import (
    buyers,
    personal_decay,
    personal_frequency,
    popularity,
    recent_popularity,
)
from training.evaluate.held_out import split_purchases

CUT = 1000.0
END = 1028.0
N_ITEMS = 40


def purchases_of(rows):
    schema = {"user_id": pl.String, "item": pl.Int32, "day": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(taken_back_day=pl.lit(float("inf")))


def catalogue_of(n_items):
    return Catalogue.of(catalogue_item(number) for number in range(n_items))


def catalogue_item(number):
    return CatalogueItem(
        item_id=ItemId(f"i{number}"),
        item_number=ItemNumber(number),
        group_id=GroupId(f"i{number}"),
        title=f"Item {number}",
        price=100,
        currency="USD",
        added_day=0.0,
    )


CATALOGUE = catalogue_of(N_ITEMS)
SAME_ROWS = np.arange(N_ITEMS, dtype=np.int32)


def split(rows, catalogue=CATALOGUE, row_of_position=SAME_ROWS, most_shoppers=100):
    return split_purchases(
        purchases_of(rows), row_of_position, catalogue, cut_day=CUT, end_day=END, most_shoppers=most_shoppers, seed=1
    )


LOG = [
    ("ann", 1, 900.0),
    ("ann", 1, 990.0),
    ("ann", 2, 995.0),
    ("bob", 3, 500.0),
    ("bob", 4, 999.0),
    ("cat", 3, 510.0),
    ("dan", 3, 520.0),
    ("dan", 4, 998.0),
    # after the cut
    ("ann", 1, 1001.0),
    ("ann", 7, 1002.0),
    ("ann", 7, 1020.0),
    ("bob", 4, 1000.0),
    ("eve", 5, 1003.0),
    ("bob", 6, 1028.0),  # the window has ended
]


def test_what_is_held_out_lies_between_the_cut_and_the_end():
    _, held_out = split(LOG)
    assert held_out.user_ids == ("ann", "bob", "eve")
    assert held_out.bought.offsets.tolist() == [0, 2, 3, 4]
    assert held_out.bought.rows.tolist() == [1, 7, 4, 5]


def test_new_means_never_bought_before_by_that_shopper():
    _, held_out = split(LOG)
    assert held_out.new.offsets.tolist() == [0, 1, 1, 2]
    assert held_out.new.rows.tolist() == [7, 5]


def test_the_past_ends_at_the_cut():
    past, _ = split(LOG)
    assert len(past.day) == 8
    assert (past.day < CUT).all()


def test_an_item_first_sold_after_the_cut_counts_as_right_and_is_in_no_list():
    rows = SAME_ROWS.copy()
    rows[7:] -= 1
    rows[7] = -1
    past, held_out = split(LOG, catalogue_of(N_ITEMS - 1), rows)
    assert held_out.bought.rows.tolist() == [1, N_ITEMS - 1 + 7, 4, 5]
    assert popularity(past).every.max() < N_ITEMS - 1


def test_what_was_taken_back_was_not_bought():
    back = pl.DataFrame({"taken_back_day": [1010.0, 995.0, *[np.inf] * (len(LOG) - 2)]})
    log = purchases_of(LOG[8:] + LOG[:8]).with_columns(back["taken_back_day"])
    _, held_out = split_purchases(log, SAME_ROWS, CATALOGUE, cut_day=CUT, end_day=END, most_shoppers=100, seed=1)
    assert held_out.bought.rows.tolist() == [7, 4, 5]


def test_of_more_shoppers_than_are_asked_some_are_drawn_and_the_past_stays_whole():
    past, everybody = split(LOG)
    cut_past, drawn = split(LOG, most_shoppers=1)
    assert len(everybody) > 1
    assert len(drawn) == cut_past.n_asked == 1
    assert set(drawn.user_ids) < set(everybody.user_ids)
    number = everybody.user_ids.index(drawn.user_ids[0])
    assert drawn.bought.of(0).tolist() == everybody.bought.of(number).tolist()
    assert (len(cut_past.day), cut_past.n_shoppers) == (len(past.day), past.n_shoppers)


def test_popularity_counts_distinct_buyers():
    past, _ = split(LOG)
    assert buyers(past)[[1, 3, 4]].tolist() == [1, 3, 2]
    assert popularity(past).every[0, :2].tolist() == [3, 4]
    assert recent_popularity(28)(past).every[0, :3].tolist() == [4, 1, 2]


def test_personal_frequency_puts_the_own_items_first_and_fills_up_with_what_is_popular():
    past, _ = split(LOG)
    assert personal_frequency(past).every[0, :3].tolist() == [1, 2, 4]


def test_decay_prefers_the_later_purchase():
    past, _ = split([*LOG, ("bob", 3, 501.0)])
    assert personal_frequency(past).every[1, 0] == 3
    assert personal_decay(past).every[1, 0] == 4


def test_the_new_list_holds_nothing_that_the_shopper_had_bought():
    past, _ = split(LOG)
    for lists in (popularity(past), personal_decay(past)):
        assert not np.isin(lists.new[0], [1, 2]).any()
        assert not np.isin(lists.new[1], [3, 4]).any()


def test_what_others_bought_is_new_to_the_last_who_is_asked():
    past, held_out = split(LOG)
    assert held_out.user_ids[-1] == "eve"  # who had bought nothing; cat and dan, who are not asked, had
    assert popularity(past).new[-1].tolist() == popularity(past).every[-1].tolist()


def test_what_is_not_for_sale_is_not_shown():
    catalogue = catalogue_of(N_ITEMS)
    catalogue.remove(ItemId("i1"))
    past, _ = split(LOG, catalogue)
    assert not (personal_decay(past).every == 1).any()


entries = st.lists(
    st.tuples(st.sampled_from(["ann", "bob", "cat"]), st.integers(0, N_ITEMS - 1), st.floats(900, 1027.9)), min_size=1
)


@settings(max_examples=25, deadline=None)
@given(entries, entries)
def test_no_baseline_knows_the_future(log, later):
    asked = [(user, 0, CUT) for user in ("ann", "bob", "cat")]
    moved = [(user, row, CUT + (day - 900) / 128 * 27) for user, row, day in later]
    before, _ = split(log + asked)
    after, _ = split(log + asked + moved)
    for baseline in (popularity, recent_popularity(56), personal_frequency, personal_decay):
        np.testing.assert_array_equal(baseline(before).every, baseline(after).every)
        np.testing.assert_array_equal(baseline(before).new, baseline(after).new)


@settings(max_examples=25, deadline=None)
@given(entries)
def test_lists_are_full_and_repeat_nothing(log):
    past, _ = split([*log, ("ann", 0, CUT)])
    for lists in (popularity(past), personal_decay(past)):
        assert (lists.every >= 0).all()
        assert all(len(set(shown)) == len(shown) for shown in lists.every.tolist())
        assert all(len(set(shown)) == len(shown) for shown in lists.new.tolist())
