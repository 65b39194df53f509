from datetime import UTC, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.small_journey import FUEL, MILK, MONDAY, NEVER_SOLD, RAMEN, WINE, products, promotions, transactions
from training.prepare.facts import assortment, displays, price_changes
from training.prepare.items import catalogue_facts, catalogue_items
from training.prepare.orders import read_lines
from training.prepare.shift import read_shift, whole_weeks, write_shift
from training.prepare.stock import chain_stock, store_stock
from training.prepare.words import readable

DAY = timedelta(days=1)


def lines(*rows):
    return read_lines(transactions(rows), products(), timedelta(0)).collect()


def facts_of(product, *rows):
    facts = catalogue_facts(products().collect(), lines(*rows))
    return facts.filter(facts["item_id"] == str(product)).row(0, named=True)


def test_the_price_is_the_median_of_the_last_four_weeks():
    old = {"sales_value": 9.0, "transaction_timestamp": MONDAY - 40 * DAY}
    recent = [{"basket_id": n, "sales_value": n / 1.0, "transaction_timestamp": MONDAY - n * DAY} for n in (1, 2, 6)]
    assert facts_of(MILK, old, *recent)["price"] == 200


def test_what_was_never_sold_has_no_price_and_is_as_old_as_the_data():
    facts = facts_of(NEVER_SOLD, {})
    assert facts["price"] is None
    assert facts["added_day"] == (MONDAY - MONDAY.replace(year=1970, month=1, day=1, hour=12)).days


def test_fuel_is_hidden_and_milk_is_not():
    rows = [{"product_id": FUEL, "quantity": 5000, "sales_value": 10.0}, {"product_id": MILK}]
    assert facts_of(FUEL, *rows)["hidden"]
    assert not facts_of(MILK, *rows)["hidden"]


def test_what_the_product_file_does_not_know_is_hidden_but_has_a_title():
    facts = facts_of(99, {"product_id": 99})
    assert facts["hidden"]
    assert facts["title"] == "Item 99"


def test_wine_is_not_for_children():
    assert facts_of(WINE, {"product_id": WINE})["min_age"] == 21
    assert facts_of(MILK, {})["min_age"] == 0


def test_a_title_has_type_brand_and_size():
    assert facts_of(MILK, {})["title"] == "Fluid milk, white only, store brand, 1 ga"


def test_every_item_becomes_one_of_the_catalogue():
    facts = catalogue_facts(products().collect(), lines({}, {"product_id": RAMEN}))
    items = list(catalogue_items(facts.with_columns(chain_stock(facts["item_id"], lines({})))))
    assert len({item.item_id for item in items}) == 5
    assert all(item.stock is not None and item.currency == "USD" and item.title for item in items)


@pytest.mark.parametrize(
    ("till", "people"),
    [
        ("ICE - CRUSHED/CUBED", "Ice, crushed/cubed"),
        ("SFT DRNK 2 LITER BTL CARB INCL", "Soft drink 2 liter bottle carbonated incl"),
        ("CANDY BARS (SINGLES)(INCLUDING", "Candy bars"),
        ("BREAD:ITALIAN/FRENCH", "Bread, italian/french"),
        ("CHIPS&SNACKS", "Chips and snacks"),
        ("(ONLY", ""),
    ],
)
def test_words_for_people(till, people):
    assert readable(till) == people


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_words_for_people_are_tidy(text):
    made = readable(text)
    assert made == made.strip(" ,")
    assert "  " not in made
    assert ", ," not in made


def test_prices_have_a_row_where_they_change_and_no_other():
    days = [(0, 2.0), (1, 2.0), (2, 3.0), (3, 2.0)]
    rows = [{"basket_id": n, "sales_value": price, "transaction_timestamp": MONDAY + n * DAY} for n, price in days]
    changes = price_changes(lines(*rows, {"basket_id": 9, "store_id": 301, "sales_value": 5.0}))
    of_store = changes.filter(changes["store_id"] == "300").sort("valid_from")
    assert of_store["price"].to_list() == [200, 300, 200]
    assert changes.filter(changes["store_id"].is_null()).sort("valid_from")["price"].to_list() == [350, 200, 300, 200]


def test_an_assortment_says_from_when_to_when():
    rows = [{"basket_id": n, "transaction_timestamp": MONDAY + n * DAY} for n in range(3)]
    row = assortment(lines(*rows)).row(0, named=True)
    assert (row["last_sold_at"] - row["first_sold_at"], row["store_id"]) == (2 * DAY, "300")


def test_displays_are_dated_by_their_week():
    found = displays(promotions(), timedelta(weeks=1)).collect()
    assert found["week_start"].cast(str).to_list() == ["2017-01-02", "2017-01-09"]
    assert found["display"].to_list() == ["store front", None]
    assert found["mailer"].to_list() == [None, "front page feature"]


def test_what_sells_is_in_stock_and_the_same_is_invented_again():
    some = lines(*({"basket_id": n, "household_id": n} for n in range(50)))
    facts = catalogue_facts(products().collect(), some)
    stock = chain_stock(facts["item_id"], some)
    assert stock.filter(facts["item_id"] == str(MILK))[0] >= 50
    assert stock.equals(chain_stock(facts["item_id"], some))
    assert store_stock(some)["quantity"].is_between(0, 2).all()


@given(st.datetimes(), st.timedeltas(timedelta(0), timedelta(days=9000)))
def test_the_shift_is_whole_weeks_and_ends_within_the_last_one(last_at, later):
    now = last_at if last_at.year > 9900 else last_at + later
    shift = whole_weeks(last_at, now)
    assert shift % timedelta(weeks=1) == timedelta(0)
    assert timedelta(0) <= now - (last_at + shift) < timedelta(weeks=1)


def test_the_shift_is_remembered(tmp_path):
    file = tmp_path / "facts" / "shift.json"
    assert read_shift(file) is None
    write_shift(file, timedelta(weeks=463), MONDAY.replace(tzinfo=UTC))
    assert read_shift(file) == timedelta(weeks=463)
