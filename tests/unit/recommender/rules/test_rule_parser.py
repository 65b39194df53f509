import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import InvalidRule
from recommender.rules.compiled import Facts, compile_rule
from recommender.rules.parser import KEYWORDS, parse
from recommender.rules.schema import FACTS, MAX_CONDITIONS, MAX_DEPTH, MAX_LIST
from recommender.rules.syntax import Aggregate, And, Compare, Fact, Literal, Not, Or
from recommender.shopper import EventKind
from tests.rule_strategies import rules

CHEAP = Compare(Fact("item.price"), "<", Literal(5.0))
TOYS = Compare(Fact("item.category"), "==", Literal("toys"))
BRAND = Compare(Fact("item.brand"), "!=", Literal("ACME"))


def tree(source: str) -> object:
    return parse(source, field="filter")


def refused(source: str) -> InvalidRule:
    with pytest.raises(InvalidRule) as refusal:
        compile_rule(source, field="when")
    return refusal.value


def test_and_binds_tighter_than_or_and_not_tighter_than_both() -> None:
    source = 'item.price < 5 or item.category == "toys" and not item.brand != "ACME"'
    assert tree(source) == Or((CHEAP, And((TOYS, Not(BRAND)))))


def test_parentheses_group() -> None:
    source = "(item.price < 5 or item.category == 'toys') and item.brand != 'ACME'"
    assert tree(source) == And((Or((CHEAP, TOYS)), BRAND))


def test_texts_take_either_quotation_mark_and_escapes() -> None:
    assert tree(r"""item.brand == 'it\'s'""") == Compare(Fact("item.brand"), "==", Literal("it's"))
    assert tree(r'''item.brand == "\"\\"''') == Compare(Fact("item.brand"), "==", Literal('"\\'))


def test_a_count_has_kind_condition_and_window() -> None:
    counted = Aggregate("count", EventKind.ORDERED, TOYS, 28.0)
    assert tree('count(orders where item.category == "toys" within 4 weeks) >= 2') == Compare(
        counted, ">=", Literal(2.0)
    )


@pytest.mark.parametrize(
    ("source", "position", "remedy"),
    [
        ("", 0, "Write a condition"),
        ("item.pirce < 5", 0, "Did you mean item.price?"),
        ("price < 5", 0, "Did you mean item.price?"),
        ("item.price < 5 and shopper.ages > 3", 19, "Did you mean shopper.age?"),
        ('item.price < "5"', 11, "Texts stand in quotation marks"),
        ("item.category == 5", 14, "Texts stand in quotation marks"),
        ('item.category < "B"', 14, "Use == or !="),
        ("item.in_stock == 1", 14, "true or false"),
        ("item.price = 5", 11, "Write =="),
        ("item.price < 5 && item.in_stock", 15, "Write `and`"),
        ("item.price < 5 AND item.in_stock", 15, "small letters"),
        ("1 < item.price < 5", 15, "two values at a time"),
        ("(item.price) < 5", 11, "Compare it"),
        ("item.price < (5)", 13, "Parentheses group conditions"),
        ("(item.price < 5", 15, "Close the parenthesis"),
        ('item.brand == "ACME', 14, "Close the text"),
        ("item.brand == ACME", 14, "quote texts"),
        ("item.brand", 10, "Compare it"),
        ("item.price in [1, 'a']", 18, "a number"),
        ("item.price in []", 15, "at least one value"),
        ("item.price in [1, item.min_age]", 18, "by == and `or`"),
        ("item.price in item.brand", 14, "in shopper.segments"),
        ("item.price in shopper.segments", 0, "Put a text in front"),
        ("shopper.segments == 'vip'", 17, "in shopper.segments"),
        ("item.id contains 'a'", 0, "whole key"),
        ("item.price contains 'a'", 0, "text fact"),
        ("item.brand contains item.brand", 20, "quotation marks"),
        ("5 is known", 0, "fact in front"),
        ("item.brand is 'ACME'", 14, "to compare, write =="),
        ("item.brand not == 'ACME'", 11, "not in"),
        ("item.brand == item.manufacturer", 14, "Compare with a text"),
        ("count(orders) > 1", 12, "within 28 days"),
        ("count(order within 1 day) > 1", 6, "Did you mean orders?"),
        ("count(orders within 5 months) > 1", 20, "hours, days or weeks"),
        ("count(orders within 0 days) > 1", 20, "more than 0"),
        ("count(orders where count(views within 1 day) > 1 within 1 day) > 1", 19, "Join the two"),
        ("count(orders within 1 day) in [1]", 0, "Compare with =="),
        ("sum(orders within 1 day) > 1", 4, "sum(quantity of orders"),
        ("item.price < " + "9" * 400, 13, "below 1000000000000000"),
        ("item.brand == '\ud800'", 15, "Unicode"),
        ("true " * 1000, 4000, "4000 characters"),
    ],
)
def test_a_refusal_says_where_and_what_to_do(source: str, position: int, remedy: str) -> None:
    refusal = refused(source)
    assert refusal.position == position
    assert remedy in refusal.remedy
    assert refusal.field == "when"
    assert f"(character {position + 1})" in str(refusal)


@pytest.mark.parametrize(
    "source",
    [
        "(" * MAX_DEPTH + "true" + ")" * MAX_DEPTH,
        "not " * MAX_DEPTH + "true",
        " or ".join(["true"] * (MAX_CONDITIONS + 1)),
        f"item.price in [{','.join(['1'] * (MAX_LIST + 1))}]",
        " or ".join(["item.brand contains 'a'"] * 9),
        " or ".join(["count(views within 1 day) > 1"] * 9),
    ],
)
def test_a_rule_has_limits(source: str) -> None:
    assert refused(source).remedy


def test_a_rule_within_the_limits_is_taken() -> None:
    deepest = "(" * (MAX_DEPTH - 1) + "true" + ")" * (MAX_DEPTH - 1)
    widest = " or ".join(["true"] * MAX_CONDITIONS)
    longest = f"item.price in [{','.join(['1'] * MAX_LIST)}]"
    for source in (deepest, widest, longest):
        compile_rule(source)


@given(st.text())
def test_any_text_is_a_rule_or_refused_as_one(source: str) -> None:
    try:
        rule = compile_rule(source)
    except InvalidRule as refusal:
        assert 0 <= refusal.position <= len(source)  # noqa: PT017
        assert refusal.remedy  # noqa: PT017
    else:
        rule.evaluate({}, Facts(now_day=0.0))


PIECES = [
    *FACTS, *KEYWORDS, "count", "sum", "quantity", "orders", "views", "days", "(", ")", "[", "]", ",", "-", "==", "<",
    '"a"', "'", "1", "2.5", "true",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=20).map(" ".join))
def test_any_words_of_the_language_are_a_rule_or_refused_as_one(source: str) -> None:
    try:
        rule = compile_rule(source)
    except InvalidRule:
        return
    rule.evaluate({}, Facts(now_day=0.0))


@given(rules(), st.data())
def test_a_broken_rule_is_a_rule_or_refused_as_one(source: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(source)))
    end = data.draw(st.integers(start, len(source)))
    try:
        compile_rule(source[:start] + source[end:])
    except InvalidRule as refusal:
        assert refusal.remedy  # noqa: PT017
