"""What every list must hold, whatever is asked of whatever shop."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.catalogue import Catalogue
from recommender.decide import SOURCES, decide, decide_all, propose
from recommender.ids import ItemId, PlacementId, StoreId
from recommender.lockstep import finished
from recommender.model import Model
from recommender.objectives import Objectives
from recommender.placements import Boost, Pin, Placement
from recommender.query import Decision, Query
from recommender.ranking.candidate_features import FEATURES
from recommender.ranking.looks import learned_ranker
from recommender.ranking.trees import Trees
from recommender.rules.compiled import compile_rule
from recommender.shopper import STRANGER, EventKind, Shopper
from recommender.situation import Situation
from tests.builders import N_CATEGORIES, NOW_DAY, rows_of, shopper_with, small_catalogue, small_model, some_trees

N_ITEMS = 40
N_TRAINED = 34  # the last rows came after training
MODELS = [small_model(np.random.default_rng(seed), N_TRAINED) for seed in range(4)]
FEWER = settings(max_examples=40)
RULES = [
    None,
    compile_rule("item.price < 250"),
    compile_rule('item.category in ["category 1", "category 2"]'),
    compile_rule("item.category == context.category"),
    compile_rule('item.brand == "brand 9"'),
]
ROWS = st.integers(0, N_ITEMS - 1)
SOME_ROWS = st.lists(ROWS, max_size=6, unique=True)


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    rng = np.random.default_rng(draw(st.integers(0, 1_000_000)))
    share_hidden = draw(st.sampled_from([0.0, 0.3, 0.9]))
    facts: dict[int, dict[str, Any]] = {row: {"hidden": bool(rng.random() < share_hidden)} for row in range(N_ITEMS)}
    odd: list[dict[str, Any]] = [
        {"stock": 0},
        {"min_age": 18},
        {"price": None},
        {"group_id": "group"},
        {"category": None},
    ]
    for change in odd:
        for row in rng.integers(0, N_ITEMS, 5).tolist():
            facts[row] |= change
    catalogue = small_catalogue(N_ITEMS, facts=facts)
    for row in rng.integers(0, N_ITEMS, 4).tolist():
        catalogue.set_store_stock(StoreId("s1"), ItemId(f"i{row}"), 0)
    return catalogue


@st.composite
def shoppers(draw: st.DrawFn) -> Shopper:
    ago = st.lists(st.floats(0.1, 300), min_size=1, max_size=5, unique=True)
    return shopper_with(
        bought=draw(st.dictionaries(ROWS, ago, max_size=8)),
        looked_at=draw(SOME_ROWS),
        cart=draw(SOME_ROWS),
        age=draw(st.sampled_from([None, 17, 18])),
    )


@st.composite
def placements(draw: st.DrawFn) -> Placement:
    exclusions = st.frozensets(st.sampled_from(["bought", "cart", "viewed", "context_item"]))
    slots = draw(st.lists(st.integers(1, 12), max_size=3, unique=True))
    return Placement(
        placement_id=PlacementId("home"),
        title="For you",
        sources=tuple(draw(st.lists(st.sampled_from(list(SOURCES)), min_size=1, max_size=4, unique=True))),
        ranker=draw(st.sampled_from(["any", "discovery", "fused"])),
        objectives=draw(st.sampled_from([Objectives(), Objectives(1, 0.5, 0.2), Objectives(0, 0, 1)])),
        filter=draw(st.sampled_from(RULES)),
        exclude=draw(exclusions),
        max_share_per_category=draw(st.sampled_from([0.2, 0.5, 1.0])),
        max_share_popular=draw(st.sampled_from([0.1, 1.0])),
        novelty=draw(st.sampled_from([0.0, 0.5, 1.0])),
        calibration=draw(st.sampled_from([0.0, 0.5, 1.0])),
        rotation=draw(st.sampled_from([0.0, 0.3])),
        exploration=draw(st.sampled_from([0.0, 0.2, 1.0])),
        pins=tuple(Pin(slot, ItemId(f"i{draw(ROWS)}")) for slot in slots),
        boosts=draw(st.sampled_from([(), (Boost(compile_rule('item.brand == "brand 1"'), 3.0),)])),
    )


@st.composite
def queries(draw: st.DrawFn) -> Query:
    return Query(
        placement=PlacementId("home"),
        limit=draw(st.integers(1, 50)),
        context_item=draw(st.none() | ROWS),
        category=draw(st.none() | st.sampled_from([f"category {c}" for c in range(N_CATEGORIES + 1)])),
        cart=rows_of(draw(SOME_ROWS)),
        exclude=rows_of(draw(SOME_ROWS)),
        filter=draw(st.sampled_from(RULES)),
        store_id=draw(st.sampled_from([None, StoreId("s1"), StoreId("s2")])),
        age=draw(st.sampled_from([None, 30])),
        seed=draw(st.integers(0, 2**32 - 1)),
        trace=draw(st.booleans()),
    )


def allowed_rows(query: Query, placement: Placement, shopper: Shopper, catalogue: Catalogue) -> list[int]:
    """The hard rules once more, one item at a time."""
    unwanted = set(query.exclude.tolist())
    if "context_item" in placement.exclude and query.context_item is not None:
        unwanted.add(query.context_item)
    if "cart" in placement.exclude:
        unwanted |= {*query.cart.tolist(), *shopper.cart.tolist()}
    if "bought" in placement.exclude:
        unwanted |= set(shopper.purchases.rows.tolist())
    if "viewed" in placement.exclude:
        viewed = shopper.touches.rows[shopper.touches.kinds == EventKind.VIEWED]
        unwanted |= {*viewed.tolist(), *shopper.session.tolist()}
    groups = {catalogue.items[row].group_id for row in unwanted}
    sold_out = catalogue.store_stock[query.store_id].sold_out if query.store_id in catalogue.store_stock else set()
    age = query.age if query.age is not None else shopper.age or 0
    category = query.category
    if category is None and query.context_item is not None:
        category = catalogue.items[query.context_item].category

    def fits(rule: object, row: int) -> bool:
        item = catalogue.items[row]
        return [
            True,
            item.price is not None and item.price < 250,
            item.category in ("category 1", "category 2"),
            category is not None and item.category == category,
            False,
        ][RULES.index(rule)]

    return [
        row
        for row, item in enumerate(catalogue.items)
        if not item.hidden and item.price is not None and item.stock != 0 and item.min_age <= age
        and item.group_id not in groups and row not in sold_out
        and fits(placement.filter, row) and fits(query.filter, row)
    ]  # fmt: skip


def groups_of(catalogue: Catalogue, rows: list[int]) -> list[str]:
    return [catalogue.items[row].group_id for row in rows]


CASES = (queries(), placements(), shoppers(), catalogues(), st.sampled_from(MODELS))


@given(*CASES)
def test_a_list_holds_what_is_allowed_exactly_as_many_as_asked_and_no_product_twice(
    query: Query, placement: Placement, shopper: Shopper, catalogue: Catalogue, model: Model
):
    decision = decide(query, placement, shopper, catalogue, model, NOW_DAY)
    rows = decision.rows.tolist()
    may_be_shown = allowed_rows(query, placement, shopper, catalogue)
    assert set(rows) <= set(may_be_shown)
    assert len(rows) == min(query.limit, len(set(groups_of(catalogue, may_be_shown))))
    assert len(set(groups_of(catalogue, rows))) == len(rows)
    assert decision.short == (len(rows) < query.limit)
    assert len(decision.scores) == len(decision.sources) == len(decision.reasons) == len(rows)
    assert all(decision.reasons)
    assert np.isfinite(decision.scores).all()


@given(*CASES)
@FEWER
def test_the_same_question_gets_the_same_answer_and_apart_from_what_was_put_there_scores_never_rise(
    query: Query, placement: Placement, shopper: Shopper, catalogue: Catalogue, model: Model
):
    decision, again = (decide(query, placement, shopper, catalogue, model, NOW_DAY) for _ in range(2))
    assert same_answer(decision, again)
    by_source = zip(decision.scores, decision.sources, strict=True)
    scores = [score for score, source in by_source if source not in {"pinned", "exploration"}]
    assert scores == sorted(scores, reverse=True)


@given(st.lists(st.tuples(queries(), placements(), shoppers()), max_size=5), catalogues(), st.sampled_from(MODELS))
@FEWER
def test_many_are_decided_together_as_each_is_alone(
    asked: list[tuple[Query, Placement, Shopper]], catalogue: Catalogue, model: Model
):
    together = finished(decide_all(Situation(*one, catalogue, model, NOW_DAY) for one in asked))
    alone = [decide(*one, catalogue, model, NOW_DAY) for one in asked]
    assert all(same_answer(one, other) for one, other in zip(together, alone, strict=True))


@given(queries(), placements(), catalogues(), st.sampled_from(MODELS))
@FEWER
def test_all_strangers_get_the_same_list(query: Query, placement: Placement, catalogue: Catalogue, model: Model):
    stranger = decide(query, placement, STRANGER, catalogue, model, NOW_DAY)
    another = decide(query, placement, Shopper(n_baskets=0), catalogue, model, NOW_DAY)
    assert same_answer(stranger, another)
    assert not stranger.personalised


@given(*CASES)
@FEWER
def test_an_allowed_pin_stands_in_its_slot(
    query: Query, placement: Placement, shopper: Shopper, catalogue: Catalogue, model: Model
):
    pin = Pin(2, ItemId("i7"))
    decision = decide(query, replace(placement, pins=(pin,)), shopper, catalogue, model, NOW_DAY)
    if 7 in allowed_rows(query, placement, shopper, catalogue) and query.limit >= 2 and len(decision.rows) >= 2:
        assert decision.rows[1] == 7
        assert decision.sources[1] == "pinned"


@given(queries(), placements(), shoppers(), catalogues(), st.sampled_from(MODELS))
@FEWER
def test_candidates_are_allowed_and_have_finite_features(
    query: Query, placement: Placement, shopper: Shopper, catalogue: Catalogue, model: Model
):
    learned = replace(placement, ranker="any")
    candidates = propose(query, learned, shopper, catalogue, model, NOW_DAY)
    assert set(candidates.rows.tolist()) <= set(allowed_rows(query, placement, shopper, catalogue))
    assert candidates.features.shape == (len(candidates.rows), len(FEATURES))
    assert np.isfinite(candidates.features).all()
    assert (np.diff(candidates.rows) > 0).all()


@given(*CASES)
@FEWER
def test_a_trace_says_what_was_proposed_and_what_each_rule_removed(
    query: Query, placement: Placement, shopper: Shopper, catalogue: Catalogue, model: Model
):
    decision = decide(replace(query, trace=True), placement, shopper, catalogue, model, NOW_DAY)
    assert decision.trace is not None
    assert set(decision.trace.candidates) == set(placement.sources)
    proposed = set(np.concatenate(list(decision.trace.candidates.values())).tolist())
    left = proposed & set(allowed_rows(query, placement, shopper, catalogue))
    assert len(proposed) - sum(decision.trace.removed.values()) == len(left)
    assert decision.trace.features.shape == (len(decision.rows), len(FEATURES))


def same_answer(first: Decision, second: Decision) -> bool:
    return (
        np.array_equal(first.rows, second.rows)
        and np.array_equal(first.scores, second.scores)
        and first.sources == second.sources
        and first.reasons == second.reasons
        and first.fallback == second.fallback
    )


CATALOGUE = small_catalogue(N_ITEMS)
HOME = Placement(
    placement_id=PlacementId("home"), title="For you", sources=("buy_again", "embedding", "neighbours", "trending"),
    exclude=frozenset({"cart"}),
)  # fmt: skip


def test_a_click_changes_the_next_answer():
    before = shopper_with(bought={1: [3.0, 20.0], 2: [9.0]})
    after = shopper_with(bought={1: [3.0, 20.0], 2: [9.0]}, looked_at=[5])
    query, home = Query(placement=HOME.placement_id, limit=10), replace(HOME, ranker="fused")
    first, second = (decide(query, home, shopper, CATALOGUE, MODELS[0], NOW_DAY) for shopper in (before, after))
    assert not np.array_equal(first.rows, second.rows)
    assert second.personalised


def test_trees_order_for_a_stranger_who_looks_at_something_if_they_do_too():
    met, not_met = (
        replace(some_trees(np.random.default_rng(0)), feature=np.full(10, FEATURES.index(name), dtype=np.int32))
        for name in ("near_session", "baskets")
    )
    query, looking = (Query(placement=HOME.placement_id, limit=10, context_item=item) for item in (None, 5))
    asked = [
        (query, STRANGER),
        (looking, STRANGER),
        (query, shopper_with(looked_at=[5])),
        (query, shopper_with({1: [3.0]})),
    ]

    def judge(trees: Trees) -> list[bool]:
        model = replace(MODELS[0], rankers={"any": trees})
        situations = [Situation(query, HOME, shopper, CATALOGUE, model, NOW_DAY) for query, shopper in asked]
        return [learned_ranker(situation) is trees for situation in situations]

    assert judge(met) == [False, True, True, True]
    assert judge(not_met) == [False, False, False, True]


def test_a_new_item_that_training_did_not_see_is_recommended_where_new_items_are_asked_for():
    new = replace(HOME, sources=("new_arrivals",), ranker="fused")
    catalogue = small_catalogue(N_ITEMS, facts={N_ITEMS - 1: {"added_day": NOW_DAY - 0.01}})
    decision = decide(Query(placement=new.placement_id, limit=3), new, STRANGER, catalogue, MODELS[0], NOW_DAY)
    assert N_ITEMS - 1 in decision.rows
    assert decision.reasons[0].startswith("New in")


def test_reasons_name_the_item_that_brought_an_item_up():
    cart = replace(HOME, sources=("bought_together",), ranker="fused")
    row = next(row for row in range(N_TRAINED) if len(MODELS[0].bought_together.of(row)[0]))
    shopper = shopper_with(cart=[row])
    decision = decide(Query(placement=cart.placement_id, limit=1), cart, shopper, CATALOGUE, MODELS[0], NOW_DAY)
    assert decision.reasons[0] == f"Goes with Item {row}"
    assert decision.fallback == "none"


def test_a_boost_above_one_lifts_and_one_below_sinks():
    rule = compile_rule('item.category == "category 3"')
    shares = []
    for factor in (0.01, 1.0, 50.0):
        boosted = replace(HOME, boosts=(Boost(rule, factor),))
        shopper = shopper_with(bought={row: [4.0] for row in range(20)})
        rows = decide(Query(placement=HOME.placement_id, limit=5), boosted, shopper, CATALOGUE, MODELS[0], NOW_DAY).rows
        shares.append(int((rows % N_CATEGORIES == 3).sum()))
    assert shares == sorted(shares)
    assert shares[0] < shares[2]


def test_how_far_down_the_ladder_a_list_went_is_said():
    def fallback(placement: Placement, shopper: Shopper, limit: int) -> str:
        query = Query(placement=placement.placement_id, limit=limit)
        return decide(query, placement, shopper, CATALOGUE, MODELS[0], NOW_DAY).fallback

    buyer = shopper_with(bought={1: [3.0]})
    again = replace(HOME, sources=("buy_again",))
    assert fallback(again, buyer, 1) == "none"
    assert fallback(again, buyer, 2) == "popular"
    assert fallback(again, buyer, N_ITEMS) == "catalogue"
    assert fallback(HOME, STRANGER, 5) == "contextual"


def test_nothing_is_shown_of_an_empty_catalogue():
    decision = decide(
        Query(placement=HOME.placement_id, limit=5), HOME, STRANGER, Catalogue.of([]),
        small_model(np.random.default_rng(0), 0), NOW_DAY,
    )  # fmt: skip
    assert len(decision.rows) == 0
    assert decision.short
