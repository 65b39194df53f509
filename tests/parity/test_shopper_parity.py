"""The same events give the same shopper: online from live state on a real Valkey, offline from the event log."""

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.offline.histories import purchases_before
from features.offline.purchases import day_of, read_purchases
from features.offline.sessions import carts_at, sessions_at
from features.offline.tastes import affinities_at, counters_at, interest_at, last_seen, price_levels_at
from features.offline.touches import places_at, read_touches
from features.online.live_entries import LIVE_KINDS
from features.online.live_state import NO_LIVE_EVENTS
from recommender.shopper import Purchases
from recommender.tastes import COUNTED, COUNTER_WINDOWS, Tastes
from tests.visit_strategies import (
    CATALOGUE,
    NOW,
    NOW_DAY,
    TAKES_BACK,
    Row,
    as_log,
    offline_histories,
    shopper_of,
    taken_in,
    visits,
    with_rows,
)

JUST_AFTER = NOW_DAY + 1e-6
BEFORE_ALL = NOW_DAY - 60
ITEMS = pl.LazyFrame(list(CATALOGUE.items)).select("item_id", "category", "brand", "price")

quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def assert_same_purchases(one: Purchases, other: Purchases) -> None:
    assert one.rows.tolist() == other.rows.tolist()
    np.testing.assert_array_equal(one.baskets, other.baskets)
    np.testing.assert_allclose(one.decayed_short, other.decayed_short, rtol=1e-5)
    np.testing.assert_allclose(one.decayed_long, other.decayed_long, rtol=1e-5)
    np.testing.assert_allclose(one.first_day, other.first_day, rtol=0, atol=1e-8)
    np.testing.assert_allclose(one.last_day, other.last_day, rtol=0, atol=1e-8)


@quick
@given(visits(), st.data())
def test_purchases_since_the_cut_agree(valkey_data_dir, visit, data):
    online = shopper_of(taken_in(valkey_data_dir, visit, data), offline_histories(visit, BEFORE_ALL))
    offline = shopper_of(NO_LIVE_EVENTS, offline_histories(visit, JUST_AFTER))
    assert_same_purchases(online.purchases, offline.purchases)
    assert online.n_baskets == offline.n_baskets
    np.testing.assert_allclose(online.first_day, offline.first_day, rtol=0, atol=1e-8)


@quick
@given(visits(), st.floats(0, 55), st.data())
def test_what_was_bought_agrees_wherever_the_cut_lies(valkey_data_dir, visit, days_before, data):
    cut_day = NOW_DAY - days_before
    online = shopper_of(taken_in(valkey_data_dir, visit, data), offline_histories(visit, cut_day))
    offline = shopper_of(NO_LIVE_EVENTS, offline_histories(visit, JUST_AFTER))
    assert online.purchases.rows.tolist() == offline.purchases.rows.tolist()
    assert online.purchases.baskets.tolist() == offline.purchases.baskets.tolist()
    assert online.n_baskets == offline.n_baskets
    since = as_log(visit).filter(day_of("occurred_at") >= cut_day, pl.col("event").is_in(TAKES_BACK))
    if since.collect().is_empty():
        assert_same_purchases(online.purchases, offline.purchases)


@quick
@given(visits(), st.data())
def test_session_and_cart_agree(valkey_data_dir, visit, data):
    kinds = {event: int(kind) for event, kind in LIVE_KINDS.items()}
    on_items = as_log(visit).filter(pl.col("item_id").is_not_null())
    touches = with_rows(on_items).with_columns(kind=pl.col("event").replace_strict(kinds, return_dtype=pl.UInt8))
    online = shopper_of(taken_in(valkey_data_dir, visit, data), offline_histories([], NOW_DAY))
    for offline, rows in ((sessions_at(touches, NOW), online.session), (carts_at(touches, NOW), online.cart)):
        expected = offline.collect()["item_rows"].to_list()
        assert sorted(expected[0] if expected else []) == sorted(rows.tolist())


def tastes_and_log(data_dir, visit: list[Row], data: st.DataObject) -> tuple[Tastes, pl.LazyFrame]:
    shopper = shopper_of(taken_in(data_dir, visit, data), offline_histories([], BEFORE_ALL))
    return Tastes(shopper, CATALOGUE, NOW_DAY), as_log(visit)


@quick
@given(visits(), st.data())
def test_tastes_agree(valkey_data_dir, visit, data):
    tastes, log = tastes_and_log(valkey_data_dir, visit, data)
    interest = interest_at(read_touches(log), purchases_before(read_purchases(log), JUST_AFTER), NOW)
    for fact, online in (("category", tastes.categories), ("brand", tastes.brands)):
        offline = affinities_at(interest, ITEMS, fact).collect()
        assert online == pytest.approx(dict(offline.select("word", "affinity").iter_rows()), rel=1e-5)
        assert list(online.values()) == sorted(online.values(), reverse=True)
    levels = price_levels_at(interest, ITEMS).collect()["price_level"].to_list()
    assert tastes.price_level == (pytest.approx(levels[0], rel=1e-5) if levels else None)


@quick
@given(visits(), st.data())
def test_counters_agree_at_the_edges_of_windows_too(valkey_data_dir, visit, data):
    tastes, log = tastes_and_log(valkey_data_dir, visit, data)
    offline = counters_at(read_touches(log), NOW).drop("user_id").collect()
    online = {
        f"{events}_{window}": tastes.count(kind, window)
        for events, kind in COUNTED.items()
        for window in COUNTER_WINDOWS
    }
    assert online == (offline.row(0, named=True) if len(offline) else dict.fromkeys(online, 0))


@quick
@given(visits(), st.data())
def test_what_was_seen_and_where_agrees(valkey_data_dir, visit, data):
    tastes, log = tastes_and_log(valkey_data_dir, visit, data)
    seen = with_rows(last_seen(read_touches(log))).with_columns(day=day_of("seen_at")).collect()
    assert tastes.last_seen == pytest.approx(dict(seen.select("item_row", "day").iter_rows()))
    places = places_at(log, NOW).collect().select("store_id", "zone_id").rows()
    assert (tastes.shopper.store_id, tastes.shopper.zone_id) == (places[0] if places else (None, None))
