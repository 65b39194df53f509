from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from features.markets import read_markets
from features.settings import Settings
from recommender.consent_answers import Answer
from recommender.ids import ItemId
from tests.builders import item
from tests.unit.training.small_shop import N_ITEMS, START, START_DAY, events, order_line, orders, small_config
from training.assortment import assortment_at
from training.evidence import evidence_before, weigh, weigh_latest
from training.fit import fit
from training.interactions import read_interactions
from training.models.rhythm import fit_rhythm
from training.permitted import Permissions

CATALOGUE = [item(number, added_day=START_DAY - 1) for number in range(N_ITEMS)]
PERMISSIONS = Permissions(
    {("user_id", f"u{user}"): Answer.GRANTED for user in range(40)},
    read_markets(Settings(data_dir=Path("unused"))),
    is_blocked=lambda _: False,
)
CUT = START_DAY + 100
CONFIG = small_config()


def fit_at(log, cut_day=CUT):
    interactions = read_interactions(log.lazy(), CATALOGUE, PERMISSIONS, None)
    assortment = assortment_at(CATALOGUE, interactions, ["fuel"], cut_day)
    return fit(interactions, assortment, cut_day, CONFIG).model


def test_nothing_after_the_cut_changes_the_fit():
    log = orders()
    known = fit_at(log.filter(log["occurred_at"] < START + timedelta(days=100)))
    with_future = fit_at(log)
    np.testing.assert_array_equal(known.embeddings, with_future.embeddings)
    np.testing.assert_array_equal(known.neighbours.rows, with_future.neighbours.rows)
    np.testing.assert_array_equal(known.bought_together.scores, with_future.bought_together.scores)
    np.testing.assert_array_equal(known.popularity.trending, with_future.popularity.trending)
    np.testing.assert_array_equal(known.histories.decayed_long, with_future.histories.decayed_long)


def test_the_same_data_gives_the_same_fit():
    first, second = fit_at(orders()), fit_at(orders().sample(fraction=1.0, shuffle=True, seed=5))
    np.testing.assert_array_equal(first.embeddings, second.embeddings)
    np.testing.assert_array_equal(first.neighbours.rows, second.neighbours.rows)


def evidence_of(rows, cut_day=START_DAY + 20):
    interactions = read_interactions(events(rows).lazy(), CATALOGUE, PERMISSIONS, None)
    return evidence_before(interactions, assortment_at(CATALOGUE, interactions, [], cut_day), cut_day)


def line(number, day, **more):
    return order_line("u0", f"o{day}", number, f"i{number}", START + timedelta(days=day), **more)


def refund(number, day, of_day, **more):
    back = line(number, day, order_id=f"o{of_day}", event="Order Refunded", event_id=f"refund {number}")
    return back | more


def test_a_refund_counts_only_from_when_it_happened():
    rows = [line(1, 0), line(2, 0), refund(1, 10, 0)]
    assert evidence_of(rows, START_DAY + 5).purchases["item_row"].to_list() == [1, 2]
    assert evidence_of(rows, START_DAY + 20).purchases["item_row"].to_list() == [2]


def test_a_part_refund_keeps_the_purchase_and_a_cancelled_order_takes_all():
    bought = [line(1, 0, quantity=3.0), line(2, 0), line(3, 1)]
    part = refund(1, 10, 0, quantity=1.0)
    whole = refund(2, 10, 0, item_id=None, event="Order Cancelled")
    assert evidence_of([*bought, part]).purchases["item_row"].to_list() == [1, 2, 3]
    assert evidence_of([*bought, whole]).purchases["item_row"].to_list() == [3]


def test_weights_fall_with_age_and_rise_with_quantity():
    viewed = line(4, 20, event="Product Viewed", order_id=None)
    rows = [line(1, 20), line(2, 20 - 16), line(3, 20, quantity=10.0), viewed]
    evidence = evidence_of(rows, START_DAY + 20 + 1e-9)
    weights = weigh(evidence, CONFIG.weights, half_life_days=16.0).toarray()[0]
    assert weights[1] == pytest.approx(1.0)
    assert weights[2] == pytest.approx(0.5)
    assert weights[3] == pytest.approx(1.0 + 0.2 * np.log(10.0))
    assert weights[4] == pytest.approx(0.1)


def test_of_a_shopper_and_item_the_interaction_that_weighs_most_stands_for_all():
    rows = [line(1, 20), line(1, 4), line(1, 12, quantity=2.0), line(2, 4)]
    weights = weigh_latest(evidence_of(rows, START_DAY + 20 + 1e-9), CONFIG.weights, half_life_days=16.0).toarray()[0]
    assert (weights[1], weights[2]) == (pytest.approx(1.0), pytest.approx(0.5))


def test_a_view_of_an_item_that_came_later_is_no_evidence():
    later = [*CATALOGUE, item(N_ITEMS, added_day=CUT + 1)]
    viewed = line(N_ITEMS, 20, event="Product Viewed", order_id=None)
    interactions = read_interactions(events([line(1, 20), viewed]).lazy(), later, PERMISSIONS, None)
    evidence = evidence_before(interactions, assortment_at(later, interactions, [], CUT), CUT)
    assert evidence.touches.is_empty()
    assert weigh(evidence, CONFIG.weights, half_life_days=16.0).nnz == 1


def test_an_item_is_bought_again_after_the_median_of_the_gaps():
    days = [0, 10, 20, 31, 42, 54]
    rows = [line(1, day) for day in days] + [line(2, day) for day in days[:5]]
    evidence = evidence_of(rows, START_DAY + 60)
    gaps = fit_rhythm(evidence.learnable_purchases("user", "item_row", "day"), CATALOGUE).gap_days
    assert gaps[1] == pytest.approx(11.0)
    assert np.isnan(gaps[2])  # four gaps are too few


def test_departments_left_out_are_in_histories_but_not_learnt():
    catalogue = [
        item(number, added_day=START_DAY - 1, department="FUEL" if number == 1 else None) for number in range(3)
    ]
    interactions = read_interactions(events([line(1, 0), line(2, 0)]).lazy(), catalogue, PERMISSIONS, None)
    model = fit(interactions, assortment_at(catalogue, interactions, ["fuel"], CUT), CUT, CONFIG).model
    assert model.popularity.overall.tolist() == [0, 0, 1]
    assert model.histories.rows.tolist() == [1, 2]


def test_an_item_that_came_later_is_not_in_the_assortment():
    later = [*CATALOGUE, item(N_ITEMS, item_id=ItemId("late"), added_day=CUT + 1)]
    interactions = read_interactions(orders().lazy(), later, PERMISSIONS, None)
    assert len(assortment_at(later, interactions, [], CUT)) == N_ITEMS
    assert len(assortment_at(later, interactions, [], CUT + 2)) == N_ITEMS + 1
