import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.rules.compiled import Facts, compile_rule, facts_of_item
from recommender.rules.parser import parse
from recommender.rules.satisfiable import find_contradiction
from recommender.rules.wording import spell
from tests.rule_strategies import Situation, rules, situations


def reason(*sources: str) -> str | None:
    return find_contradiction(*map(compile_rule, sources))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("item.price < 5 and item.price > 10", "item.price < 5 and item.price > 10 are never true together"),
        ("item.price > 1 and not (item.price > 0)", "item.price > 1 and item.price <= 0 are never true together"),
        ('item.type == "A" and item.type == "B"', 'item.type == "A" and item.type == "B" are never true together'),
        ('item.type == "A" and item.type not in ["A", "B"]', None),
        ("context.hour > 23", "context.hour > 23 is never true"),
        ("count(orders within 7 days) < 0", "count(orders within 7 days) < 0 is never true"),
        ('item.type is unknown and item.type != "A"', None),
        ('item.type == "A" and item.type starts with "B"', None),
        ('"vip" in shopper.segments and "vip" not in shopper.segments', None),
        ('shopper.segments is unknown and "vip" in shopper.segments', None),
        ("basket.value < item.price and item.price < basket.value", None),
        ("item.price == item.price and item.price != item.price", "item.price != item.price is never true"),
        ("item.in_stock and item.in_stock == false", None),
        ("item.price < 1 and (item.price > 2 or item.price > 3)", None),
        ("1 > 2", "1 > 2 is never true"),
        ("false", "false is never true"),
    ],
)
def test_a_contradiction_is_named(source: str, said: str | None) -> None:
    found = reason(source)
    assert found is not None
    assert said is None or found == said


@pytest.mark.parametrize(
    "source",
    [
        "item.price < 5 or item.price > 10",
        "item.price > 1 and item.price < 2",
        'item.type != "A" and item.type != "B"',
        'item.brand starts with "A" and item.brand contains "B"',
        "item.price is unknown",
        "count(orders within 7 days) == 0 and count(orders within 8 days) == 1",
        'context.category == "A" and item.category == context.category',
        "item.price <= basket.value and item.price >= basket.value",
        " and ".join(f"(item.price == {n} or item.min_age == {n})" for n in range(3)) + " or item.in_stock",
    ],
)
def test_what_can_be_true_is_let_through(source: str) -> None:
    assert reason(source) is None


def test_rules_are_looked_at_together() -> None:
    assert reason("item.price < 5") is None
    assert reason("item.price < 5", "item.price > 10") == "item.price < 5 and item.price > 10 are never true together"


def test_a_rule_with_very_many_ways_to_be_true_is_let_through() -> None:
    either = "(item.price > 1 or item.price > 2)"
    assert reason(" and ".join([either] * 20 + ["(item.min_age < 0 or item.min_age < 0)"])) is None


@given(rules(), situations())
def test_what_is_refused_is_never_true(source: str, situation: Situation) -> None:
    rule = compile_rule(source)
    if find_contradiction(rule) is not None:
        assert not rule.mask(situation.catalogue, situation.facts).any()
        assert rule.evaluate({}, situation.facts) is not True


comparisons = st.tuples(
    st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), st.sampled_from(["-1", "0", "1", "1.5", "2"])
).map(lambda parts: f"item.price {parts[0]} {parts[1]}")


@given(st.lists(comparisons, min_size=1, max_size=4), st.booleans())
def test_for_one_number_it_finds_every_contradiction(parts: list[str], negated: bool) -> None:
    source = f"{'not ' if negated else ''}({' and '.join(parts)})"
    rule = compile_rule(source)
    prices = [*(step / 4 for step in range(13)), None]
    possible = any(rule.evaluate({"price": price}, Facts(now_day=0.0)) is True for price in prices)
    assert (find_contradiction(rule) is None) == possible


words = ["A", "B", "C"]
text_conditions = st.one_of(
    st.tuples(st.sampled_from(["==", "!="]), st.sampled_from(words)).map(lambda p: f'item.type {p[0]} "{p[1]}"'),
    st.tuples(st.sampled_from(["in", "not in"]), st.permutations(words)).map(
        lambda p: f'item.type {p[0]} ["{p[1][0]}", "{p[1][1]}"]'
    ),
    st.sampled_from(["item.type is known", "item.type is unknown"]),
)


@given(st.lists(text_conditions, min_size=1, max_size=4), st.sampled_from(["and", "or"]))
def test_for_one_text_it_finds_every_contradiction(parts: list[str], join: str) -> None:
    rule = compile_rule(f" {join} ".join(parts))
    possible = any(rule.evaluate({"type": word}, Facts(now_day=0.0)) is True for word in [*words, "D", None])
    assert (find_contradiction(rule) is None) == possible


@given(rules(), situations())
def test_a_rule_spelt_out_again_means_the_same(source: str, situation: Situation) -> None:
    again = compile_rule(spell(parse(source, field="filter")))
    rule, catalogue, facts = compile_rule(source), situation.catalogue, situation.facts
    for row in range(catalogue.n):
        item = facts_of_item(catalogue, row, facts.now_day)
        assert again.evaluate(item, facts, catalogue) is rule.evaluate(item, facts, catalogue)
