"""Items that nobody has bought yet, for shoppers of their kind."""

from dataclasses import replace

import numpy as np
import pytest

from features.placements_file import read_placements_text
from features.settings import Settings
from recommender.catalogue import Catalogue
from recommender.decide import KEPT, decide
from recommender.ids import PlacementId
from recommender.placements import load_placements
from recommender.query import Decision, Query
from recommender.ranking.candidate_features import FEATURES
from recommender.ranking.trees import leaf_place
from recommender.retrieval.newcomers import ONE_IN
from recommender.shopper import STRANGER, Shopper
from tests.builders import N_CATEGORIES, NOW_DAY, shopper_with, small_catalogue, small_model, some_trees

N_TRAINED = 40
TRIES = 1  # the seed of a list that tries newcomers on what a shopper buys
MODEL = small_model(np.random.default_rng(3), N_TRAINED)
MODEL = replace(MODEL, popularity=replace(MODEL.popularity, overall=MODEL.popularity.overall + 1), rankers={})
SHIPPED = load_placements(read_placements_text(Settings(_env_file=None)))


def shop_with(*new: dict[str, object]) -> Catalogue:
    """The items that training saw, and those that came today."""
    facts = {
        N_TRAINED + n: {"added_day": NOW_DAY - 0.1, "category": "category 1"} | stated for n, stated in enumerate(new)
    }
    return small_catalogue(N_TRAINED + len(new), facts=facts)


def ask(placement: str, shopper: Shopper, catalogue: Catalogue, **query: object) -> Decision:
    asked = Query(placement=PlacementId(placement), limit=12, **query)  # type: ignore[arg-type]
    return decide(asked, SHIPPED[PlacementId(placement)], shopper, catalogue, MODEL, NOW_DAY)


def test_a_newcomer_is_shown_to_who_buys_its_category_and_the_reason_says_so():
    decision = ask("home", shopper_with(bought={1: [3.0, 9.0], 6: [2.0]}), shop_with({}), seed=TRIES)
    place = decision.rows.tolist().index(N_TRAINED)
    assert decision.sources[place] == "newcomers"
    assert decision.reasons[place] == "New in category 1, which you buy"
    assert decision.personalised


def test_of_many_lists_few_try_a_newcomer_on_what_is_bought():
    buyer = shopper_with(bought={1: [3.0, 9.0], 6: [2.0]})
    tried = sum("newcomers" in ask("home", buyer, shop_with({}), seed=seed).sources for seed in range(5 * ONE_IN))
    assert tried == 5


def test_a_newcomer_is_shown_to_who_looks_at_its_category():
    decision = ask("home", shopper_with(looked_at=[1]), shop_with({}))
    assert decision.reasons[decision.rows.tolist().index(N_TRAINED)] == "New in category 1, which you are looking at"


def test_who_looks_at_its_category_is_shown_a_newcomer_though_trees_would_put_all_of_it_last():
    trees = some_trees(np.random.default_rng(0), n_trees=1)
    at_hand = np.full(2, FEATURES.index("category_at_hand"), dtype=np.int32)
    against = replace(trees, feature=at_hand, threshold=np.full(2, 0.5, np.float32), value=_falling(trees.value))
    model = replace(MODEL, rankers={"any": against})
    query = Query(placement=PlacementId("home"), limit=12)
    found = decide(query, SHIPPED[PlacementId("home")], shopper_with(looked_at=[1]), shop_with({}), model, NOW_DAY).rows
    rows = found.tolist()
    assert rows.index(N_TRAINED) <= 6
    assert [row % N_CATEGORIES == 1 for row in rows[:6] if row < N_TRAINED].count(True) <= 1  # whose place is kept


def _falling(values: np.ndarray) -> np.ndarray:
    """Leaves that are worth less the further right they are."""
    falling = values.copy()
    for leaf in range(3):
        falling[leaf_place(leaf)] = 3.0 - leaf
    return falling


def test_a_newcomer_is_similar_to_items_of_its_category_and_to_no_others():
    catalogue = shop_with({})
    assert N_TRAINED in ask("product", STRANGER, catalogue, context_item=1).rows
    assert N_TRAINED not in ask("product", STRANGER, catalogue, context_item=2).rows


def test_a_newcomer_of_the_brand_comes_first():
    other, same = {"brand": "brand 2"}, {"brand": "brand 1"}  # item 1 is of brand 1
    decision = ask("product", STRANGER, shop_with(other, same), context_item=1)
    places = [decision.rows.tolist().index(row) for row in (N_TRAINED + 1, N_TRAINED)]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "stated",
    [{"hidden": True}, {"stock": 0}, {"added_day": NOW_DAY - 61}, {"category": None}, {"category": "unheard of"}],
)
def test_what_is_no_newcomer_is_not_proposed(stated: dict[str, object]):
    decision = ask("home", shopper_with(bought={1: [3.0]}), shop_with(stated), seed=TRIES)
    assert "newcomers" not in decision.sources


def test_newcomers_take_few_slots_however_many_there_are():
    decision = ask("home", shopper_with(bought={1: [3.0], 2: [4.0]}), shop_with(*[{}] * 30), seed=TRIES)
    assert 1 <= decision.sources.count("newcomers") <= KEPT["newcomers"]


def test_a_newcomer_stands_behind_the_best_of_its_category():
    decision = ask("home", shopper_with(bought={row: [2.0] for row in range(10)}), shop_with({}), seed=TRIES)
    place = decision.rows.tolist().index(N_TRAINED)
    assert any(row % N_CATEGORIES == 1 for row in decision.rows[:place])
