from datetime import timedelta

import polars as pl
import pytest

from features.events.schema import EVENT_COLUMNS, PRODUCT_ADDED, PRODUCT_REMOVED, PRODUCT_VIEWED
from tests.small_journey import FUEL, MILK, MONDAY, RAMEN, WINE, products, transactions
from training.prepare.items import catalogue_facts
from training.prepare.orders import read_lines
from training.prepare.simulator import simulate_sessions

ITEMS = (FUEL, MILK, WINE, RAMEN)


@pytest.fixture(scope="module")
def journey():
    rows = [
        {
            "household_id": basket % 7,
            "basket_id": basket,
            "product_id": ITEMS[(basket + place) % 4],
            "transaction_timestamp": MONDAY - timedelta(days=basket),
        }
        for basket in range(100)
        for place in range(2)
    ]
    lines = read_lines(transactions(rows), products(), timedelta(0)).collect()
    return lines, catalogue_facts(products().collect(), lines)


@pytest.fixture(scope="module")
def sessions(journey):
    return simulate_sessions(*journey, "default", n_sessions=400)


def test_every_row_says_that_it_is_invented(sessions):
    assert sessions.schema == EVENT_COLUMNS
    assert sessions["synthetic"].all()
    assert not sessions.select("event_id", "line").is_duplicated().any()
    assert set(sessions["event"]) == {PRODUCT_VIEWED, PRODUCT_ADDED, PRODUCT_REMOVED}


def test_the_same_is_invented_again(journey, sessions):
    assert sessions.equals(simulate_sessions(*journey, "default", n_sessions=400))


def test_nothing_hidden_is_looked_at(sessions):
    assert str(FUEL) not in set(sessions["item_id"])


def test_a_session_is_of_somebody_and_some_are_of_strangers(sessions):
    by_session = sessions.group_by("session_id").agg(pl.col("user_id").n_unique(), pl.col("anonymous_id").n_unique())
    assert (by_session["user_id"] == 1).all()
    assert (by_session["anonymous_id"] == 1).all()
    assert 0 < sessions["user_id"].null_count() < sessions.height


def test_a_session_ends_before_the_last_basket(journey, sessions):
    assert sessions["occurred_at"].max() < journey[0]["occurred_at"].max()


def test_only_what_was_added_is_removed(sessions):
    removed = sessions.filter(pl.col("event") == PRODUCT_REMOVED).select("session_id", "item_id")
    added = sessions.filter(pl.col("event") == PRODUCT_ADDED).select("session_id", "item_id")
    assert removed.join(added, on=["session_id", "item_id"], how="anti").is_empty()


def test_a_limit_on_events_leaves_whole_sessions(journey, sessions):
    some = simulate_sessions(*journey, "default", n_sessions=400, max_events=200)
    assert 100 < some.height <= 200
    kept = sessions.filter(pl.col("session_id").is_in(some["session_id"].unique()))
    assert some.equals(kept)


def test_no_baskets_give_no_sessions(journey):
    lines, facts = journey
    assert simulate_sessions(lines.clear(), facts, "default").is_empty()
