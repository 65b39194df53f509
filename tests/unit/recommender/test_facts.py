"""What rules can see of a request."""

from recommender.facts import facts_of
from recommender.ids import PlacementId
from recommender.query import Query
from recommender.rules.facts import Facts
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


def test_a_basket_is_worth_the_sum_of_its_prices_if_all_are_known():
    shopper = shopper_with(cart=[1, 2])
    assert facts(shopper).basket["value"] == 107 + 114
    assert facts(shopper, unpriced=2).basket["value"] is None
    assert facts(STRANGER).basket["value"] == 0


def test_rows_of_a_cart_count_each_item_once():
    assert facts_of(QUERY, STRANGER, rows_of([5]), None, small_catalogue(), NOW_DAY).basket["n_items"] == 1
