"""Settings of a placement that give up some of the score for other things that a list can be good for."""

from collections import Counter
from dataclasses import replace
from math import isclose, log

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.calibrate import SMOOTHING, calibrate
from recommender.decide import decide
from recommender.diversify import Cap, diversify
from recommender.explore import explore, little_known
from recommender.ids import PlacementId
from recommender.placements import Placement
from recommender.query import Decision, Query
from recommender.shopper import STRANGER, Shopper
from recommender.situation import Situation
from tests.builders import NOW_DAY, rows_of, shopper_with, small_catalogue, small_model

NO_PLACES = np.empty(0, dtype=np.intp)
MODEL, CATALOGUE = small_model(np.random.default_rng(3)), small_catalogue()
HOME = Placement(placement_id=PlacementId("home"), title="For you", sources=("popular", "trending"), ranker="fused")
REGULAR = shopper_with(bought={5: [3, 20, 40], 10: [9], 15: [30], 7: [12]})  # rows 5, 10 and 15 are of one category
KINDS = st.lists(st.tuples(st.integers(0, 9), st.integers(-1, 3), st.booleans()), max_size=25)
SHARES = st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4)
CANDIDATES = st.lists(st.tuples(st.floats(0.0, 1.0, width=32), st.integers(-1, 3)), min_size=1, max_size=12)


def shown(placement: Placement, shopper: Shopper = REGULAR, limit: int = 10) -> Decision:
    query = Query(placement=placement.placement_id, limit=limit, age=30)
    return decide(query, placement, shopper, CATALOGUE, MODEL, NOW_DAY)


def fame_shown(novelty: float) -> float:
    return float(MODEL.fame[shown(replace(HOME, novelty=novelty)).rows].mean())


def test_novelty_shows_what_is_bought_less():
    assert fame_shown(1.0) < fame_shown(0.5) <= fame_shown(0.0)


def test_an_item_that_training_did_not_see_is_as_novel_as_can_be():
    assert MODEL.fame[-1] == 0
    assert not MODEL.best_sellers[-1]
    assert MODEL.fame.max() == 1


@given(KINDS, st.integers(0, 12), st.integers(1, 6), st.integers(1, 6))
def test_both_caps_hold_unless_nothing_else_is_left(
    kinds: list[tuple[int, int, bool]], limit: int, most_of_category: int, most_popular: int
):
    groups, categories = rows_of([group for group, _, _ in kinds]), rows_of([category for _, category, _ in kinds])
    popular = rows_of([0 if is_popular else -1 for _, _, is_popular in kinds])
    order = np.arange(len(kinds))
    chosen = diversify(
        order, groups, limit, NO_PLACES, Cap(categories, most_of_category), Cap(popular, most_popular)
    ).tolist()
    assert len(chosen) == min(limit, len(set(groups.tolist())))
    per_category = Counter(int(categories[position]) for position in chosen)
    n_popular = sum(popular[position] == 0 for position in chosen)
    if n_popular > most_popular:
        used = {int(groups[position]) for position in chosen}
        others = [p for p in order if groups[p] not in used and popular[p] < 0]
        assert not [p for p in others if categories[p] < 0 or per_category[int(categories[p])] < most_of_category]


def test_best_sellers_give_way_to_others():
    capped = shown(replace(HOME, max_share_popular=0.1), limit=10)
    assert MODEL.best_sellers.any()
    assert MODEL.best_sellers[capped.rows].sum() <= 1


@given(CANDIDATES, SHARES, st.floats(0.0, 1.0), st.integers(1, 12))
@settings(max_examples=60)
def test_each_step_takes_what_raises_score_and_likeness_most(
    candidates: list[tuple[float, int]], shares: list[float], strength: float, n: int
):
    scores = np.array([score for score, _ in candidates], dtype=np.float32)
    categories = rows_of([category for _, category in candidates])
    mix = dict(enumerate(np.array(shares) / max(sum(shares), 1.0)))
    wanted = np.array([mix.get(category, 0.0) for _, category in candidates], dtype=np.float32)
    order = np.argsort(-scores, kind="stable")
    moved = calibrate(order, scores, categories, wanted, strength, n, NO_PLACES).tolist()
    assert sorted(moved) == sorted(order.tolist())
    best = max(float(scores.max()), 1e-30)

    def worth(chosen: list[int]) -> float:
        return sum((1 - strength) * float(scores[p]) / best for p in chosen) - strength * divergence(chosen)

    def divergence(chosen: list[int]) -> float:
        counts = Counter(int(categories[p]) for p in chosen)
        terms = [
            share * log(share / ((1 - SMOOTHING) * counts[category] / len(chosen) + SMOOTHING * share))
            for category, share in mix.items()
            if share > 1e-6
        ]
        return sum(terms)

    for i in range(min(n, len(moved))):
        best_worth = max(worth([*moved[:i], other]) for other in moved[i:])
        assert isclose(worth(moved[: i + 1]), best_worth, abs_tol=1e-4)
    rest = moved[n:]
    assert rest == [position for position in order.tolist() if position in rest]


def test_a_calibrated_list_follows_what_the_shopper_buys():
    own = [5, 10, 15, 20, 25, 30, 35, 0]  # rows of category 0
    plain, calibrated = shown(HOME), shown(replace(HOME, calibration=1.0))
    assert np.isin(calibrated.rows, own).sum() > np.isin(plain.rows, own).sum()
    assert (np.diff(calibrated.scores) <= 0).all()


def test_who_has_bought_nothing_has_no_mix_to_follow():
    plain, calibrated = shown(HOME, STRANGER), shown(replace(HOME, calibration=1.0), STRANGER)
    assert plain.rows.tolist() == calibrated.rows.tolist()


def test_no_strength_leaves_the_order():
    order = np.array([2, 0, 1])
    shares = np.array([0.0, 0.9, 0.1], dtype=np.float32)
    moved = calibrate(order, np.array([0.5, 0.1, 0.9], np.float32), rows_of([0, 1, 2]), shares, 0.0, 3, NO_PLACES)
    assert moved.tolist() == order.tolist()


SLOTS = st.integers(0, 12)
SEEDS = st.integers(0, 2**32 - 1)


@given(SLOTS, st.integers(0, 15), st.floats(0.0, 1.0), SEEDS)
def test_what_is_explored_is_of_the_pool_and_the_rest_keeps_its_order(n: int, n_pool: int, share: float, seed: int):
    chosen, pool = np.arange(n), 100 + np.arange(n_pool)
    found = explore(chosen, pool, share, seed)
    assert len(found.positions) == len(set(found.positions.tolist())) == n
    kept = found.positions[~found.explored]
    assert kept.tolist() == chosen[: len(kept)].tolist()
    assert np.isin(found.positions[found.explored], pool).all()
    assert ((found.chances > 0) & (found.chances <= 1)).all()
    again = explore(chosen, pool, share, seed)
    assert again.positions.tolist() == found.positions.tolist()


def test_lists_come_as_often_as_their_chances_say():
    chosen, pool, n_seeds = np.arange(3), np.array([7, 8, 9]), 20_000
    counts, chances = Counter[tuple[int, ...]](), dict[tuple[int, ...], float]()
    for seed in range(n_seeds):
        found = explore(chosen, pool, 0.4, seed)
        shown_list = tuple(found.positions.tolist())
        counts[shown_list] += 1
        chances[shown_list] = float(found.chances.prod())
    assert isclose(sum(chances.values()), 1.0)
    for shown_list, chance in chances.items():
        deviation = (chance * (1 - chance) / n_seeds) ** 0.5
        assert abs(counts[shown_list] / n_seeds - chance) < 5 * deviation, shown_list


EXPLORING = replace(HOME, sources=("popular", "trending", "new_arrivals"), exploration=0.5)


def asked(placement: Placement, seed: int) -> Decision:
    query = Query(placement=placement.placement_id, limit=10, age=30, seed=seed)
    return decide(query, placement, REGULAR, CATALOGUE, MODEL, NOW_DAY)


@given(SEEDS)
@settings(max_examples=40)
def test_an_explored_slot_says_so_and_holds_what_little_is_known_of(seed: int):
    decision = asked(EXPLORING, seed)
    situation = Situation(Query(placement=HOME.placement_id, limit=10), HOME, REGULAR, CATALOGUE, MODEL, NOW_DAY)
    assert decision.propensities is not None
    for row, source, chance in zip(decision.rows, decision.sources, decision.propensities, strict=True):
        if source == "exploration":
            assert chance <= 0.5
            assert little_known(situation, rows_of([row])).all()
    assert decision.rows.tolist() == asked(EXPLORING, seed).rows.tolist()


def test_somebody_is_shown_something_else_by_another_seed():
    assert len({tuple(asked(EXPLORING, seed).rows.tolist()) for seed in range(20)}) > 5
    assert asked(HOME, 1).propensities is None
