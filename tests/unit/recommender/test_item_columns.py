"""Columns give back every item as it was stated last."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.catalogue import Catalogue, CatalogueItem
from recommender.ids import GroupId, ItemId, ItemNumber, StoreId
from recommender.item_columns import ItemColumns, LongTexts

N_IDS = 12
words = st.none() | st.sampled_from(["", "milk", "Käse", "i3", "🧀"])  # one is an item's id as well
texts = st.none() | st.text(max_size=8)


@st.composite
def items(draw: st.DrawFn, number: int) -> CatalogueItem:
    return CatalogueItem(
        item_id=ItemId(f"i{number}"),
        item_number=ItemNumber(3 * number),
        group_id=GroupId(draw(st.sampled_from([f"i{number}", "i3", f"i{number + 1}", "group"]))),
        title=draw(st.text(max_size=8)),
        price=draw(st.none() | st.integers(0, 10**14)),
        currency=draw(st.sampled_from(["EUR", "USD"])),
        added_day=draw(st.floats(-1e6, 1e6)),
        hidden=draw(st.booleans()),
        stock=draw(st.none() | st.integers(-1, 10**12)),
        min_age=draw(st.integers(0, 150)),
        **{name: draw(words) for name in ("department", "category", "type", "brand", "manufacturer", "size")},
        url=draw(texts),
        image_url=draw(texts),
        margin=draw(st.none() | st.floats(-1, 1)),
    )


def in_stock(item: CatalogueItem) -> bool:
    return item.stock is None or item.stock > 0


snapshots = st.integers(0, N_IDS // 2).flatmap(lambda n: st.tuples(*(items(number) for number in range(n))))
changes = st.lists(st.integers(0, N_IDS).flatmap(items), max_size=2 * N_IDS)


@given(snapshots, changes, st.integers(0, 3))
def test_an_item_is_as_it_was_stated_last_also_beyond_the_spare_rows(
    first: Sequence[CatalogueItem], stated: Sequence[CatalogueItem], spare: int
) -> None:
    catalogue = Catalogue.of(first, spare=spare)
    expected = {item.item_id: item for item in first}
    for item in stated:
        version, before = catalogue.version, expected.get(item.item_id)
        row = catalogue.upsert(item)
        expected[item.item_id] = item
        if before is not None and replace(before, stock=item.stock) == item and in_stock(before) == in_stock(item):
            assert catalogue.version == version
        else:
            assert catalogue.stated_in[row] == catalogue.version == version + 1
    assert list(catalogue.items) == list(expected.values())
    for row, item in enumerate(expected.values()):
        assert catalogue.row_of(item.item_id) == row == catalogue.row_of_number[item.item_number]
        assert catalogue.items.item_id(row) == item.item_id
        assert catalogue.items.numbers[row] == item.item_number
        assert catalogue.visible[row] == (not item.hidden and item.price is not None)
        assert catalogue.in_stock[row] == in_stock(item)
        assert catalogue.pictured[row] == bool(item.image_url)
    for name in ("group", "nobody", *(f"i{number}" for number in range(N_IDS + 2))):
        assert (catalogue.row_of(name) >= 0) == (name in expected)
    for mask in (catalogue.visible, catalogue.in_stock, catalogue.pictured):
        assert not mask[catalogue.n :].any()


@given(snapshots, changes)
def test_a_row_that_nobody_states_anew_keeps_its_stamp(
    first: Sequence[CatalogueItem], stated: Sequence[CatalogueItem]
) -> None:
    catalogue = Catalogue.of(first)
    for item in stated:
        before, version = catalogue.stated_in.copy(), catalogue.version
        row = catalogue.upsert(item)
        if catalogue.version > version:
            before[row] = catalogue.version
        assert (catalogue.stated_in == before).all()


@given(items(1), st.integers(1, 99), st.integers(1, 99))
def test_what_was_worked_out_is_kept_while_counts_say_nothing_new(item: CatalogueItem, some: int, more: int) -> None:
    catalogue = Catalogue.of([replace(item, stock=some)])
    version = catalogue.version
    catalogue.upsert(replace(item, stock=more))
    catalogue.set_store_stock(StoreId("s1"), item.item_id, more)
    assert catalogue.version == version
    assert catalogue.items[0].stock == more
    catalogue.upsert(replace(item, stock=0))
    catalogue.set_store_stock(StoreId("s1"), item.item_id, 0)
    assert catalogue.version == version + 2
    assert not catalogue.in_stock[0]
    assert catalogue.is_sold_out_in(StoreId("s1"), item.item_id)


@given(items(1))
def test_an_item_that_was_taken_out_comes_back_as_it_was(item: CatalogueItem) -> None:
    catalogue = Catalogue.of([item])
    catalogue.remove(item.item_id)
    assert not catalogue.visible[0]
    catalogue.upsert(item)
    assert catalogue.visible[0] == (not item.hidden and item.price is not None)


@given(items(1))
def test_a_group_that_is_named_as_its_item_costs_no_second_word(item: CatalogueItem) -> None:
    text = ItemColumns.of([replace(item, group_id=GroupId(item.item_id))]).text
    assert text["group"].words is text["id"].words
    assert text["id"].words == [item.item_id]


@given(st.lists(texts, max_size=6), st.lists(st.tuples(st.integers(0, 8), texts), max_size=6))
def test_long_texts_keep_what_was_set(first: Sequence[str | None], later: Sequence[tuple[int, str | None]]) -> None:
    held, expected = LongTexts(first), dict(enumerate(first))
    for row, text in later:
        held.set(row, text)
        expected[row] = text
    assert [held[row] for row in range(10)] == [expected.get(row) for row in range(10)]


@given(items(1))
def test_an_item_comes_once_and_there_are_no_rows_beyond(item: CatalogueItem) -> None:
    with pytest.raises(ValueError, match="twice"):
        ItemColumns.of([item, replace(item, title="again")])
    for row in (-1, 1):
        with pytest.raises(IndexError):
            ItemColumns.of([item])[row]
