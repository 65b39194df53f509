"""What a placement orders its candidates for besides purchases."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.catalogue import Catalogue
from recommender.decide import decide, propose
from recommender.errors import InvalidPlacement
from recommender.model import Model
from recommender.objectives import Objectives
from recommender.placements import Placement, parse_placement
from recommender.query import Decision, Query
from recommender.ranking.weighing import OF_CLICKS
from recommender.shopper import STRANGER, Shopper
from tests.builders import NOW_DAY, shopper_with, small_catalogue, small_model, some_trees

N_ITEMS = 40
MODEL = small_model(np.random.default_rng(0), N_ITEMS)
BUYER = shopper_with(bought={row: [4.0, 20.0 + row] for row in range(12)}, looked_at=[20])
HOME = parse_placement("home", {"title": "For you", "sources": ["buy_again", "embedding", "popular"]})
PLAIN = small_catalogue(N_ITEMS)


def with_margins(stated: dict[int, float]) -> Catalogue:
    return small_catalogue(N_ITEMS, facts={row: {"margin": margin} for row, margin in stated.items()})


def ask(
    objectives: Objectives,
    *,
    catalogue: Catalogue = PLAIN,
    shopper: Shopper = BUYER,
    model: Model = MODEL,
    home: Placement = HOME,
) -> Decision:
    placement = replace(home, objectives=objectives)
    return decide(
        Query(placement=home.placement_id, limit=10, age=30, trace=True), placement, shopper, catalogue, model, NOW_DAY
    )


def purchase_scores(catalogue: Catalogue = PLAIN) -> dict[int, float]:
    whole = decide(Query(placement=HOME.placement_id, limit=N_ITEMS, age=30), HOME, BUYER, catalogue, MODEL, NOW_DAY)
    return dict(zip(whole.rows.tolist(), whole.scores.tolist(), strict=True))


@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_purchase_alone_is_the_list_of_the_ranker_bit_for_bit(weight: float):
    first, second = ask(Objectives()), ask(Objectives(purchase=weight))
    assert first.rows.tobytes() == second.rows.tobytes()
    assert first.scores.tobytes() == second.scores.tobytes()
    assert second.trace is not None
    assert second.trace.objectives == {}


def test_with_the_margin_alone_the_list_goes_by_what_a_purchase_leaves():
    stated = {row: 0.1 + 0.02 * row for row in range(N_ITEMS)}
    catalogue = with_margins(stated)
    scores = purchase_scores(catalogue)
    gains = [scores[row] * stated[row] for row in ask(Objectives(0, 0, 1), catalogue=catalogue).rows.tolist()]
    assert gains == sorted(gains, reverse=True)
    assert gains[0] == max(scores[row] * stated[row] for row in scores)


def test_an_item_that_states_no_margin_counts_as_the_median_does():
    half = {row: 0.2 if row % 4 else 0.5 for row in range(0, N_ITEMS, 2)}
    completed = half | {row: float(np.median(list(half.values()))) for row in range(1, N_ITEMS, 2)}
    first, second = (ask(Objectives(1, 0, 1), catalogue=with_margins(stated)) for stated in (half, completed))
    assert first.rows.tolist() == second.rows.tolist()


@pytest.mark.parametrize("objectives", [Objectives(1, 0, 1), Objectives(0, 0, 1), Objectives(0, 1, 0)])
def test_where_nothing_is_known_of_an_objective_purchase_orders(objectives: Objectives):
    assert ask(objectives).rows.tolist() == ask(Objectives()).rows.tolist()


@given(st.lists(st.floats(-1, 1), min_size=N_ITEMS, max_size=N_ITEMS), st.sampled_from([0.2, 0.6, 1.0]))
@settings(max_examples=30)
def test_a_weight_on_the_margin_never_lowers_what_the_first_items_leave(margins: list[float], weight: float):
    catalogue = with_margins(dict(enumerate(margins)))
    scores = purchase_scores(catalogue)

    def left(decision: Decision) -> float:
        return sum(scores[row] * margins[row] for row in decision.rows.tolist())

    joined = ask(Objectives(1, 0, weight), catalogue=catalogue)
    assert (joined.scores >= 0).all()
    # As each score is a sum of both, the best ten by it leave at least what the best ten by the purchase alone do; what
    # a loss would take below 0 stands at 0, so that only lists without such items can be compared.
    if joined.scores.min() > 0:
        assert left(joined) >= left(ask(Objectives(), catalogue=catalogue)) - 1e-5


def test_trees_for_clicks_order_for_shoppers_with_purchases_and_for_nobody_else():
    trees = some_trees(np.random.default_rng(5))
    model = replace(MODEL, rankers={**MODEL.rankers, OF_CLICKS: trees})
    candidates = propose(Query(placement=HOME.placement_id, limit=10, age=30), HOME, BUYER, PLAIN, MODEL, NOW_DAY)
    by_click = dict(zip(candidates.rows.tolist(), trees.score(candidates.features).tolist(), strict=True))
    shown = [by_click[row] for row in ask(Objectives(0, 1, 0), model=model).rows.tolist()]
    assert shown == sorted(by_click.values(), reverse=True)[:10]
    for shopper in (STRANGER, shopper_with(looked_at=[5])):
        answers = [ask(objectives, model=model, shopper=shopper) for objectives in (Objectives(0, 1, 0), Objectives())]
        assert answers[0].rows.tolist() == answers[1].rows.tolist()


def test_a_fusion_of_sources_can_be_weighed_with_clicks_and_is_personal_then():
    model = replace(MODEL, rankers={OF_CLICKS: some_trees(np.random.default_rng(5))})
    fused = replace(HOME, ranker="fused", sources=("popular",))
    alone, joined = (ask(objectives, model=model, home=fused) for objectives in (Objectives(), Objectives(0, 1, 0)))
    assert alone.rows.tolist() != joined.rows.tolist()
    assert (alone.personalised, joined.personalised) == (False, True)


def test_a_trace_shows_what_each_item_is_worth_by_each_objective():
    model = replace(MODEL, rankers={**MODEL.rankers, OF_CLICKS: some_trees(np.random.default_rng(5))})
    stated = {row: 0.01 * row for row in range(N_ITEMS)}
    answer = ask(Objectives(1, 0.5, 0.25), model=model, catalogue=with_margins(stated))
    assert answer.trace is not None
    parts = answer.trace.objectives
    assert list(parts) == ["purchase", "click", "margin"]
    joined = (parts["purchase"] + 0.5 * parts["click"] + 0.25 * parts["margin"]) / 1.75
    np.testing.assert_allclose(joined, answer.scores, rtol=1e-5)


@pytest.mark.parametrize(
    ("objectives", "field", "said"),
    [
        ({"clicks": 1}, "objectives.clicks", "Did you mean click?"),
        ({"click": 1.5}, "objectives.click", "from 0 to 1"),
        ({"margin": -0.1}, "objectives.margin", "from 0 to 1"),
        ({"margin": float("nan")}, "objectives.margin", "from 0 to 1"),
        ({"purchase": "much"}, "objectives.purchase", "from 0 to 1"),
        ({"purchase": 0}, "objectives", "above 0"),
        ([], "objectives", "by its name"),
        (0.5, "objectives", "by its name"),
    ],
)
def test_weights_that_mean_nothing_are_refused_by_name(objectives: Any, field: str, said: str):
    with pytest.raises(InvalidPlacement) as refused:
        parse_placement("home", {"title": "For you", "sources": ["popular"], "objectives": objectives})
    assert refused.value.field == field
    assert said in refused.value.remedy
