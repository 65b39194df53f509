"""The layers of an offer, each by itself and one after another."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.offer_rules import read_offer_rules
from features.settings import Settings
from recommender.ids import ItemId, StoreId
from recommender.offers.layers import (
    QuietHours,
    bought_lately,
    is_held_out,
    recently_bought,
    sellable,
    sellable_among,
    sift,
)
from recommender.offers.reasons import NoOffer
from tests.builders import NOW_DAY, purchases_of, rows_of, small_catalogue

VIENNA = ZoneInfo("Europe/Vienna")
clocks = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))


@given(clocks, clocks, st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)))  # noqa: DTZ001 - local times
def test_quiet_hours_end_after_now_and_are_over_then(begins, ends, now) -> None:
    quiet, now = QuietHours(begins=begins, ends=ends), now.replace(tzinfo=UTC)
    end = quiet.end_after(now, VIENNA)
    if begins == ends:
        assert end is None
    elif end is not None:
        assert now.astimezone(VIENNA) < end <= now + timedelta(hours=25)
        assert end.timetz().replace(tzinfo=None) == ends


def test_quiet_hours_over_midnight_are_those_of_the_store() -> None:
    quiet, late = QuietHours(begins=time(21), ends=time(7)), datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
    assert quiet.end_after(late, VIENNA) == datetime(2026, 6, 2, 7, tzinfo=VIENNA)
    assert quiet.end_after(late, ZoneInfo("UTC")) is None
    assert quiet.end_after(late + timedelta(hours=8), VIENNA) == datetime(2026, 6, 2, 7, tzinfo=VIENNA)


def test_what_the_store_has_sold_out_and_what_they_are_too_young_for_is_not_offered() -> None:
    catalogue = small_catalogue(6, facts={1: {"stock": 0}, 2: {"hidden": True}, 4: {"min_age": 18}})
    catalogue.set_store_stock(StoreId("s1"), ItemId("i3"), 0)
    for store, age, rows in (("s1", None, [0, 5]), ("s2", 17, [0, 3, 5]), ("s2", 18, [0, 3, 4, 5])):
        assert np.flatnonzero(sellable(catalogue, StoreId(store), age)).tolist() == rows
        asked = rows_of(range(5, -1, -1))
        assert sellable_among(asked, catalogue, StoreId(store), age).tolist() == rows[::-1]


def test_recently_bought_means_that_no_category_is_left() -> None:
    catalogue, rules = small_catalogue(20, facts={3: {"category": None}}), read_offer_rules(Settings())
    days = {1: np.array([NOW_DAY - 0.1]), 2: np.array([NOW_DAY - 30.0]), 3: np.array([NOW_DAY - 0.1])}
    bought, codes = bought_lately(rules, purchases_of(days), catalogue, NOW_DAY), catalogue.text["category"].codes

    def of(*rows: int) -> bool:
        return recently_bought(frozenset(codes[rows_of(rows)].tolist()), bought)

    assert of(1)
    assert of(6, 11)  # of the same category
    assert not of(2)
    assert not of(1, 2)
    assert not of(3)  # of no category that anybody knows
    assert not of()


@given(st.floats(0, 0.9))
def test_about_the_stated_share_is_held_out_and_always_the_same(share) -> None:
    out = [is_held_out(f"u{n}", "c", share) for n in range(2_000)]
    assert abs(np.mean(out) - share) < 0.06
    assert out == [is_held_out(f"u{n}", "c", share) for n in range(2_000)]


masks = st.lists(st.tuples(st.sampled_from(list(NoOffer)), st.frozensets(st.integers(0, 5))), max_size=6)


@given(st.lists(st.integers(0, 5), unique=True, max_size=6), masks)
def test_reasons_begin_with_the_layer_that_left_nothing(arms, passing) -> None:
    left, reasons = sift(arms, [(reason, passes.__contains__) for reason, passes in passing])
    assert left == [arm for arm in arms if all(arm in passes for _, passes in passing)]
    assert bool(reasons) == (bool(arms) and not left)
    if reasons:
        emptied = next(
            place
            for place in range(len(passing))
            if not [arm for arm in arms if all(arm in passes for _, passes in passing[: place + 1])]
        )
        assert reasons[0] == passing[emptied][0]
        assert {*reasons[1:]} <= {reason for reason, passes in passing[emptied + 1 :] if not passes & {*arms}}
