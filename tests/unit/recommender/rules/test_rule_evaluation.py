from dataclasses import replace

import numpy as np
import pytest

from recommender.catalogue import Catalogue, CatalogueItem
from recommender.ids import GroupId, ItemId, ItemNumber
from recommender.rules.compiled import Facts, compile_rule, facts_of_item
from recommender.shopper import EventKind, Touches

NOW_DAY = 20_000.5
FACTS_OF_NOBODY = Facts(now_day=NOW_DAY)


def item(number: int, **facts: object) -> CatalogueItem:
    stated = {"price": 100, "added_day": NOW_DAY - 10, "category": "toys", **facts}
    return CatalogueItem(
        item_id=ItemId(f"i{number}"),
        item_number=ItemNumber(number),
        group_id=GroupId(f"i{number}"),
        title="",
        currency="EUR",
        **stated,  # type: ignore[arg-type]
    )


def allowed(source: str, catalogue: Catalogue, facts: Facts = FACTS_OF_NOBODY) -> list[int]:
    return np.flatnonzero(compile_rule(source).mask(catalogue, facts)).tolist()


def holds(source: str, facts: Facts, catalogue: Catalogue | None = None) -> bool | None:
    return compile_rule(source).evaluate({}, facts, catalogue)


def ordered(*days_ago: float, row: int = 0, since_days_ago: float = 100.0) -> Facts:
    n = len(days_ago)
    events = Touches(
        rows=np.full(n, row, dtype=np.int32),
        kinds=np.full(n, EventKind.ORDERED, dtype=np.uint8),
        days=NOW_DAY - np.array(days_ago),
    )
    return Facts(now_day=NOW_DAY, events=events, events_since_day=NOW_DAY - since_days_ago)


T, F, U = "true", "false", "shopper.known"  # nobody is known, so the third is unknown


@pytest.mark.parametrize(
    ("source", "value"),
    [
        (f"{T} and {U}", None), (f"{F} and {U}", False), (f"{U} and {U}", None),
        (f"{T} or {U}", True), (f"{F} or {U}", None), (f"{U} or {U}", None),
        (f"not {U}", None), (f"not {T}", False), (f"not {F}", True),
        (f"{U} == {T}", None), (f"{U} == {U}", None), ("shopper.known is unknown", True),
    ],
)  # fmt: skip
def test_missing_facts_follow_kleene(source: str, value: bool | None) -> None:
    assert holds(source, FACTS_OF_NOBODY) is value


@pytest.mark.parametrize("source", ['item.brand == "A"', 'item.brand != "A"', 'item.brand not in ["A"]'])
def test_an_unknown_fact_never_allows(source: str) -> None:
    catalogue = Catalogue.of([item(0, brand=None), item(1, brand="A"), item(2, brand="B")])
    both_ways = allowed(source, catalogue) + allowed(f"not ({source})", catalogue)
    assert sorted(both_ways) == [1, 2]


def test_words_that_came_after_the_rule_are_seen() -> None:
    catalogue = Catalogue.of([item(0)])
    rule = compile_rule('item.category == "books" or item.category starts with "boo"')
    assert not rule.mask(catalogue, FACTS_OF_NOBODY).any()
    catalogue.upsert(item(1, category="books"))
    assert rule.mask(catalogue, FACTS_OF_NOBODY).tolist() == [False, True]


def test_a_mask_is_the_callers_own() -> None:
    catalogue = Catalogue.of([item(0), item(1, stock=0)])
    for source in ("item.in_stock", "true", "item.price > 0"):
        compile_rule(source).mask(catalogue, FACTS_OF_NOBODY)[:] = False
    assert allowed("item.in_stock", catalogue) == [0]


def test_the_age_of_an_item_counts_whole_days() -> None:
    catalogue = Catalogue.of([item(0, added_day=19_998.9), item(1, added_day=19_999.1)])
    assert allowed("item.age_days == 2", catalogue) == [0]
    for hour in (0, 23):
        assert allowed("item.age_days == 2", catalogue, Facts(now_day=20_000 + hour / 24)) == [0]
    assert facts_of_item(catalogue, 0, NOW_DAY)["age_days"] == 2


@pytest.mark.parametrize(
    ("source", "items_only"),
    [
        ("item.price < 5 and item.age_days > 2", True),
        ("true", True),
        ("item.category == context.category", False),
        ("item.price < 5 or shopper.known", False),
        ("count(orders within 1 day) > 1", False),
        ("item.category in basket.categories", False),
    ],
)
def test_a_rule_knows_whether_it_looks_at_items_only(source: str, items_only: bool) -> None:
    assert compile_rule(source).items_only == items_only


def test_rules_of_the_same_source_are_equal() -> None:
    assert compile_rule("true") == compile_rule("true")
    assert len({compile_rule("true"), compile_rule("true"), compile_rule("not false")}) == 2
    assert str(compile_rule("not  false")) == "not  false"


def test_a_value_of_another_type_is_unknown() -> None:
    assert holds("shopper.age > 3", Facts(now_day=NOW_DAY, shopper={"age": "12"})) is None
    assert holds("shopper.age > 3", Facts(now_day=NOW_DAY, shopper={"age": True})) is None
    assert holds("shopper.known", Facts(now_day=NOW_DAY, shopper={"known": 1.0})) is None


def test_numbers_and_truths_of_numpy_are_known() -> None:
    facts = Facts(now_day=NOW_DAY, shopper={"age": np.int32(30), "known": np.bool_(True)})  # type: ignore[dict-item]
    assert holds("shopper.age == 30 and shopper.known", facts) is True


def test_a_count_takes_what_is_in_the_window() -> None:
    facts = ordered(0, 7, 7.01, 30)
    assert holds("count(orders within 7 days) == 2", facts) is True
    assert holds("count(orders within 1 week) < 3", facts) is True
    assert holds("count(views within 7 days) == 0", facts) is True


def test_events_of_the_future_do_not_count() -> None:
    assert holds("count(orders within 7 days) == 0", ordered(-0.1)) is True


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("count(orders within 28 days) >= 2", True),
        ("count(orders within 28 days) < 2", False),
        ("count(orders within 28 days) >= 3", None),
        ("count(orders within 28 days) == 2", None),
        ("count(orders within 28 days) == 1", False),
        ("count(orders within 28 days) != 1", True),
        ("count(orders within 5 days) == 2", True),
    ],
)
def test_a_window_that_reaches_back_too_far_is_known_from_below(source: str, value: bool | None) -> None:
    assert holds(source, ordered(1, 2, since_days_ago=10)) is value


def test_where_nothing_is_complete_nothing_can_be_ruled_out() -> None:
    facts = replace(ordered(1), events_since_day=float("nan"))
    assert holds("count(orders within 7 days) >= 1", facts) is True
    assert holds("count(orders within 7 days) < 5", facts) is None


def test_where_looks_at_the_item_of_the_event() -> None:
    catalogue = Catalogue.of([item(0), item(1, category="books")])
    bought_toys = 'count(orders where item.category == "toys" within 7 days) == 1'
    assert allowed(f'{bought_toys} and item.category == "books"', catalogue, ordered(1, row=0)) == [1]
    assert allowed(bought_toys, catalogue, ordered(1, row=1)) == []


def test_an_item_that_is_not_in_the_catalogue_may_have_been_anything() -> None:
    catalogue = Catalogue.of([item(0)])
    facts = ordered(1, row=-1)
    assert holds('count(orders where item.category == "toys" within 7 days) == 0', facts, catalogue) is None
    assert holds('count(orders where item.category == "toys" within 7 days) <= 1', facts, catalogue) is True
    assert holds("count(orders where item.category is unknown within 7 days) == 1", facts, catalogue) is True


def test_a_sum_adds_quantities_and_does_not_guess_missing_ones() -> None:
    facts = replace(ordered(1, 2), event_quantities=np.array([2, 0.5], dtype=np.float32))
    assert holds("sum(quantity of orders within 7 days) == 2.5", facts) is True
    part = replace(facts, event_quantities=np.array([2, np.nan], dtype=np.float32))
    assert holds("sum(quantity of orders within 7 days) >= 2", part) is True
    assert holds("sum(quantity of orders within 7 days) <= 2", part) is None
    assert holds("sum(quantity of orders within 7 days) > 0", ordered(1)) is None
    assert holds("sum(quantity of orders within 7 days) == 0", ordered(20)) is True


def test_an_empty_catalogue_has_an_empty_mask() -> None:
    for source in ("item.price < 5", 'item.brand contains "a"', "true", 'item.id in ["a"]'):
        assert len(compile_rule(source).mask(Catalogue.of([]), FACTS_OF_NOBODY)) == 0
        assert len(compile_rule(source).mask(Catalogue.of([]), FACTS_OF_NOBODY, np.empty(0, dtype=np.int32))) == 0
