"""Items in SQL, on both databases."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import Engine, insert

from features.progress import Silent
from features.sql import staging
from features.sql.catalogue_store import CatalogueStore
from features.sql.changes import read_changes
from features.sql.stock_store import StockLine, StockStore
from features.sql.tables.catalogue import ITEM_FACTS, imports
from recommender.catalogue import CatalogueItem
from recommender.errors import UnknownItem
from recommender.ids import ItemId, ItemNumber, StoreId
from tests.builders import item
from tests.pending_imports import ENTRY, pending_import

MANY = 1_203  # more than one transaction takes


def many(**facts: object) -> list[CatalogueItem]:
    return [item(n, **facts) for n in range(1, MANY + 1)]


def by_id(items: Sequence[CatalogueItem]) -> dict[str, CatalogueItem]:
    return {one.item_id: replace(one, item_number=ItemNumber(0)) for one in items}


def test_an_item_comes_back_as_it_was_stated(engine: Engine) -> None:
    store = CatalogueStore(engine)
    stated = item(
        3,
        hidden=True,
        stock=0,
        min_age=18,
        margin=0.3,
        size="1 l",
        url="https://shop/3",
        price=None,
        title="Ünïcode 牛乳",
    )
    stored, change_number = store.put(stated)
    assert stored == replace(stated, item_number=stored.item_number)
    assert store.get(ItemId("i3")) == stored
    assert store.read_snapshot() == ([stored], change_number)


def test_an_unknown_item_is_said_to_be_unknown(engine: Engine) -> None:
    store = CatalogueStore(engine)
    with pytest.raises(UnknownItem, match="nothing"):
        store.get(ItemId("nothing"))
    with pytest.raises(UnknownItem):
        store.delete(ItemId("nothing"))
    with pytest.raises(UnknownItem) as caught:
        StockStore(engine).set_lines([StockLine(item_id=ItemId("nothing"), quantity=1)])
    assert caught.value.field == "lines[0].item_id"


def test_a_number_outlives_its_item_and_is_never_given_again(engine: Engine) -> None:
    store = CatalogueStore(engine)
    first = store.put(item(1))[0].item_number
    store.delete(ItemId("i1"))
    assert store.read_all() == []
    second = store.put(item(2))[0].item_number
    assert second != first
    assert store.put(item(1))[0].item_number == first


@pytest.mark.parametrize("n_items", [7, MANY])
def test_many_items_come_in_at_once_and_keep_their_numbers(engine: Engine, n_items: int) -> None:
    store = CatalogueStore(engine)
    stated = many()[:n_items]
    assert store.upsert_many(stated).n_changed == n_items
    before = store.read_all()
    assert by_id(before) == by_id(stated)
    cheaper = [replace(one, price=1) for one in stated]
    changed = store.upsert_many(cheaper)
    assert changed.n_changed == n_items
    after = store.read_all()
    assert by_id(after) == by_id(cheaper)
    assert [one.item_number for one in after] == [one.item_number for one in before]
    assert [one.item_number for one in after] == list(range(1, n_items + 1))
    changes = read_changes(engine, changed.change_number - 1)
    assert list(changes.items) == after


def test_what_is_stated_again_changes_nothing(engine: Engine) -> None:
    store = CatalogueStore(engine)
    store.upsert_many(many())
    number = store.change_number()
    assert store.upsert_many(many()).n_changed == 0
    assert store.change_number() == number


@pytest.mark.parametrize("n_items", [7, MANY])
def test_facts_that_are_not_stated_stay(engine: Engine, n_items: int) -> None:
    store = CatalogueStore(engine)
    store.upsert_many(many(stock=5)[:n_items])
    StockStore(engine).set_lines([StockLine(item_id=ItemId("i2"), quantity=0)])
    store.upsert_many(many(title="New", stock=9)[:n_items], facts=["title"])
    assert {one.title for one in store.read_all()} == {"New"}
    assert store.get(ItemId("i2")).stock == 0
    assert store.get(ItemId("i1")).stock == 5


def test_an_import_counts_from_one_moment_on_even_if_its_process_dies(engine: Engine) -> None:
    store = CatalogueStore(engine)
    kept = store.put(item(1, stock=5))[0]
    store.put(item(2))
    store.delete(ItemId("i2"))
    facts = [name for name in ITEM_FACTS if name != "stock"]
    number = staging._open_import(engine, facts)
    with staging.writing(engine) as write:
        staging._stage(write.connection, [item(1, title="New", stock=77), item(2), item(3)], number, {})
    assert store.read_all() == [kept]
    assert read_changes(engine, 0).items == (kept,)
    shown_at = staging._show(engine, number, ENTRY)
    shown = store.read_all()
    assert [(one.item_id, one.title, one.stock) for one in shown] == [
        ("i1", "New", 5),
        ("i2", "Item 2", None),
        ("i3", "Item 3", None),
    ]
    changes = read_changes(engine, shown_at - 1)
    assert changes.items == tuple(shown)
    assert changes.deleted == ()
    # What is written to one of its items comes on top, and stays there when the rest is moved.
    StockStore(engine).set_lines([StockLine(item_id=ItemId("i1"), quantity=0)])
    store.delete(ItemId("i3"))
    expected = [replace(shown[0], stock=0), shown[1]]
    assert store.read_all() == expected
    staging.finish_import(engine)
    assert store.read_all() == expected


def test_an_import_that_was_never_completed_leaves_nothing(engine: Engine) -> None:
    store = CatalogueStore(engine)
    number = staging._open_import(engine, ITEM_FACTS)
    with staging.writing(engine) as write:
        staging._stage(write.connection, many(), number, {})
    store.upsert_many(many(title="Newer"))
    assert {one.title for one in store.read_all()} == {"Newer"}
    with pytest.raises(staging.ImportOvertaken):
        staging._show(engine, number, ENTRY)


def test_an_import_waits_for_the_one_before_it_to_be_moved(engine: Engine) -> None:
    store = CatalogueStore(engine)
    pending_import(engine, many(title="Older"), ITEM_FACTS)
    store.upsert_many(many(title="Newer")[:600], progress=Silent())
    titles = {one.item_id: one.title for one in store.read_all()}
    assert (titles["i1"], titles["i1000"]) == ("Newer", "Older")


def test_stock_lines_hold_together_or_not_at_all(engine: Engine) -> None:
    store, stock = CatalogueStore(engine), StockStore(engine)
    store.put(item(1, stock=4))
    lines = [StockLine(item_id=ItemId("i1"), quantity=0), StockLine(item_id=ItemId("i9"), quantity=0)]
    with pytest.raises(UnknownItem) as caught:
        stock.set_lines(lines)
    assert caught.value.field == "lines[1].item_id"
    assert store.get(ItemId("i1")).stock == 4


def test_stock_of_a_store_is_told_to_followers_until_the_item_goes(engine: Engine) -> None:
    store, stock = CatalogueStore(engine), StockStore(engine)
    number = store.put(item(1))[0].item_number

    def told(after: int) -> list[tuple[str, int, int | None]]:
        return [(line.store_id, line.item_number, line.quantity) for line in read_changes(engine, after).stock]

    after = store.change_number()
    for quantity in (3, 0):
        stock.set_lines([StockLine(item_id=ItemId("i1"), store_id=StoreId("s"), quantity=quantity)])
        assert told(after) == [("s", number, quantity)]
    after = store.change_number()
    store.delete(ItemId("i1"))
    assert told(after) == [("s", number, None)]


def test_only_one_import_is_ever_being_moved(engine: Engine) -> None:
    pending_import(engine, many()[:3], ITEM_FACTS)
    with engine.begin() as connection:
        connection.execute(insert(imports), {"facts": []})
        assert staging.read_pending(connection) is not None
