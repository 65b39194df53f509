from collections import Counter
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from recommender.decide import propose
from recommender.ids import PlacementId
from recommender.ranking.candidate_features import FEATURES
from tests.unit.training.small_shop import N_ITEMS, START, START_DAY, open_shop, orders, small_config
from training.encounters import EVENTS, MOST_SEEN, encounters, latest_purchases
from training.evaluate.measure import query_at_cut
from training.past import look_back
from training.rankers import collect_lessons
from training.read import read_placements, read_training_data

CUT_DAY = 100
CONFIG = small_config(beginner_share="0.5", visitor_share="0.2")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Looks back on a log at its cut, with the placements."""

    def look(log):
        settings = open_shop(tmp_path_factory.mktemp("met"), log)
        data, placements = read_training_data(settings, None), read_placements(settings)
        return look_back(data, START_DAY + CUT_DAY, 28.0, CONFIG), placements

    return look


@pytest.fixture(scope="module")
def met(shop):
    return shop(orders())


def known(past):
    return [one for one in encounters(past, CONFIG.ranker, seed=3) if not len(one.seen)]


def test_everybody_is_met_and_the_shares_are_met_once_more(met):
    past, _ = met
    n, found = len(past.held_out), list(encounters(past, CONFIG.ranker, seed=3))
    assert [one.number for one in found[:n]] == list(range(n))
    visitors = [one for one in found if len(one.seen)]
    assert (len(found) - len(visitors) - n, len(visitors)) == (n // 2, n // 5)
    alone = small_config(beginner_share="0", visitor_share="0").ranker
    assert len(list(encounters(past, alone, seed=3))) == n


def test_a_beginner_is_known_by_the_latest_purchases_and_nothing_else(met):
    past, _ = met
    beginners = known(past)[len(past.held_out) :]
    assert {len(one.shopper.touches) for one in beginners} == set(EVENTS)
    for one in beginners:
        [(rows, days)] = latest_purchases(past, np.array([one.number]))
        n = len(one.shopper.touches)
        assert Counter(one.shopper.touches.rows.tolist()) == Counter(rows[:n].tolist())
        assert set(one.shopper.purchases.rows.tolist()) == set(rows[:n].tolist())
        assert one.shopper.n_baskets == len(set(days[:n].tolist()))
        assert one.shopper.touches.days.max() < past.cut_day


def test_what_a_ranker_sees_of_whom_it_meets_never_comes_from_their_future(shop, met):
    """The same shoppers buy other things after the cut: no feature of anybody but of a visitor changes."""
    item = (pl.col("item_id").str.slice(1).cast(pl.Int64) + 7) % N_ITEMS
    later = pl.col("occurred_at") >= START + timedelta(days=CUT_DAY)
    other = orders().with_columns(item_id=pl.when(later).then(pl.lit("i") + item.cast(pl.String)).otherwise("item_id"))
    (past, placements), (changed, _) = met, shop(other)
    assert any(
        set(past.held_out.bought.of(number)) != set(changed.held_out.bought.of(number))
        for number in range(len(past.held_out))
    )
    for placement in map(placements.__getitem__, (PlacementId("home"), PlacementId("discover"))):
        for one, same in zip(known(past), known(changed), strict=True):
            first, second = (
                propose(
                    query_at_cut(placement, 20, who.number), placement, who.shopper, at.catalogue, at.model, at.cut_day
                )
                for who, at in ((one, past), (same, changed))
            )
            np.testing.assert_array_equal(first.rows, second.rows)
            np.testing.assert_array_equal(first.features, second.features)


def test_a_visitor_looks_at_what_is_bought_later_and_is_not_asked_about_it(met):
    past, placements = met
    visitors = [one for one in encounters(past, CONFIG.ranker, seed=3) if len(one.seen)]
    for one in visitors:
        assert 1 <= len(one.seen) <= MOST_SEEN
        assert set(one.seen.tolist()) == set(one.shopper.session.tolist())
        assert np.isin(one.seen, past.held_out.bought.of(one.number)).all()
        assert not len(one.shopper.purchases)
    features = collect_lessons("any", past, placements[PlacementId("home")], CONFIG).features
    assert not features[:, FEATURES.index("at_hand")].any()  # what was looked at is no candidate
    assert features[:, FEATURES.index("near_session")].any()


def test_of_many_shoppers_some_are_drawn_and_the_shares_are_of_these(met):
    past, _ = met
    few = small_config(beginner_share="0.5", visitor_share="0.2").ranker
    found = list(encounters(past, replace(few, most_shoppers=10), seed=3))
    first = [one.number for one in found[:10]]
    assert first == sorted(set(first))
    assert first != list(range(10))  # drawn, not the first by their names
    assert {one.number for one in found} == set(first)
    assert len(found) <= 10 + 5 + 2
