from datetime import UTC, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.events.schema import EVENT_COLUMNS, ORDER_COMPLETED
from tests.small_journey import FUEL, MILK, MONDAY, RAMEN, products, transactions
from training.prepare.orders import order_events, read_lines

NO_SHIFT = timedelta(0)


def lines(*rows, shift=NO_SHIFT):
    return read_lines(transactions(rows), products(), shift).collect()


def test_the_price_is_that_on_the_shelf_and_the_discount_what_the_shop_took_off():
    row = {"quantity": 2, "sales_value": 3.55, "retail_disc": 1.78, "coupon_disc": 0.55, "coupon_match_disc": 0.45}
    line = lines(row).row(0, named=True)
    assert (line["price"], line["discount"], line["coupon"]) == (289, 223, 55)


@given(
    quantity=st.integers(1, 50),
    price=st.integers(1, 2000),
    discount=st.integers(0, 100),
    match=st.integers(0, 50),
)
def test_price_times_quantity_less_discount_is_what_the_shop_received(quantity, price, discount, match):
    sales = price * quantity - min(discount + match, price * quantity)
    taken_off = price * quantity - sales
    row = {"quantity": quantity, "sales_value": sales / 100, "retail_disc": taken_off / 100}
    line = lines(row).row(0, named=True)
    assert round(line["price"] * line["quantity"]) - line["discount"] == sales


def test_fuel_is_counted_in_gallons():
    line = lines({"product_id": FUEL, "quantity": 8725, "sales_value": 20.06, "retail_disc": 0.01}).row(0, named=True)
    assert (line["quantity"], line["unit"], line["price"]) == (8.725, "gal", 230)


def test_a_tank_that_was_keyed_in_as_one_stays_one():
    line = lines({"product_id": FUEL, "quantity": 1, "sales_value": 15.0}).row(0, named=True)
    assert (line["quantity"], line["unit"], line["price"]) == (1.0, "each", 1500)


def test_a_record_with_neither_quantity_nor_sales_is_no_purchase():
    assert lines({"quantity": 0, "sales_value": 0.0, "coupon_disc": 2.0}).is_empty()


def test_sales_without_a_quantity_are_one_unit():
    line = lines({"quantity": 0, "sales_value": 0.5}).row(0, named=True)
    assert (line["quantity"], line["price"]) == (1.0, 50)


def test_a_product_that_the_product_file_does_not_know_is_kept():
    assert lines({"product_id": 99}).row(0, named=True)["item_id"] == "99"


def test_lines_are_numbered_within_their_basket():
    some = lines({"product_id": MILK}, {"product_id": RAMEN}, {"basket_id": 1001}, {"quantity": 0, "sales_value": 0.0})
    assert sorted(some.select("basket_id", "line").rows()) == [("1000", 0), ("1000", 1), ("1001", 0)]


@pytest.mark.parametrize("weeks", [0, 1, 463])
def test_the_shift_moves_every_line_and_keeps_the_hour(weeks):
    shifted = lines({}, shift=timedelta(weeks=weeks))["occurred_at"][0]
    assert shifted == MONDAY.replace(tzinfo=UTC) + timedelta(weeks=weeks)


def test_an_order_is_one_event_with_a_row_for_each_line():
    events = order_events(lines({"product_id": MILK}, {"product_id": RAMEN, "coupon_disc": 0.5}), "default")
    assert events.schema == EVENT_COLUMNS
    assert events["event"].unique().to_list() == [ORDER_COMPLETED]
    assert events["event_id"].n_unique() == 1
    assert events["order_id"].unique().to_list() == ["1000"]
    assert events["consent"].to_list() == [["analytics", "personalisation"]] * 2
    assert events["properties"].to_list() == [None, '{"manufacturer_coupon":50}']
    assert not events["synthetic"].any()
