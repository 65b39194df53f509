"""What rules can see of a request."""

from recommender.facts import facts_of
from recommender.ids import PlacementId
from recommender.query import Query
from recommender.rules.facts import Facts
from recommender.rules.schema import FACTS
from recommender.shopper import STRANGER, Shopper
from tests.builders import NOW_DAY, rows_of, shopper_with, small_catalogue

QUERY = Query(placement=PlacementId("home"), limit=4)


def facts(shopper: Shopper, *, unpriced: int | None = None) -> Facts:
    changed = {} if unpriced is None else {unpriced: {"price": None}}
    return facts_of(QUERY, shopper, shopper.cart, shopper.age, small_catalogue(facts=changed), NOW_DAY)


def test_what_nobody_knows_of_a_stranger_is_left_out():
    assert facts(STRANGER).shopper == {"known": False, "age": None}


def test_orders_are_known_of_a_shopper_who_has_bought():
    shopper = shopper_with({3: [10.0, 2.0]})
    assert facts(shopper).shopper["n_baskets"] == 2
    assert facts(shopper).purchases is shopper.purchases


def test_what_a_shopper_likes_is_worked_out_from_events_and_purchases():
    likes = facts(shopper_with({3: [1.0]}, looked_at=[1, 6])).shopper  # 1 and 6 are of one category, 3 of another
    assert likes["top_category"] == "category 3"  # a basket counts more than two views
    assert likes["categories"] == {"category 1", "category 3"}
    assert likes["seen"] == {"i1", "i6"}
    assert (likes["views_1h"], likes["orders_7d"], likes["n_session_items"]) == (2, 0, 2)
    assert 0 < float(str(likes["price_level"])) < 1


def test_of_a_shopper_who_was_only_seen_somewhere_the_place_is_known():
    seen = facts(Shopper(store_id="s1", zone_id="dairy")).shopper
    assert (seen["known"], seen["store"], seen["zone"]) == (True, "s1", "dairy")
    assert (seen["top_category"], seen["price_level"], seen["seen"]) == (None, None, frozenset())


def test_every_fact_of_the_shopper_is_stated_of_a_known_one():
    named = {path.partition(".")[2] for path in FACTS if path.startswith("shopper.")}
    assert set(facts(shopper_with({3: [1.0]})).shopper) == named


def test_the_dearest_and_the_cheapest_of_a_category_are_one_and_nought():
    # Category 1 has the items 1, 6, 11 and so on, each dearer than the one before.
    assert facts(shopper_with(looked_at=[1])).shopper["price_level"] == 0.0
    assert facts(shopper_with(looked_at=[36])).shopper["price_level"] == 1.0
    assert facts(shopper_with(looked_at=[1]), unpriced=1).shopper["price_level"] is None


def test_a_basket_is_worth_the_sum_of_its_prices_if_all_are_known():
    shopper = shopper_with(cart=[1, 2])
    assert facts(shopper).basket["value"] == 107 + 114
    assert facts(shopper, unpriced=2).basket["value"] is None
    assert facts(STRANGER).basket["value"] == 0


def test_rows_of_a_cart_count_each_item_once():
    assert facts_of(QUERY, STRANGER, rows_of([5]), None, small_catalogue(), NOW_DAY).basket["n_items"] == 1
