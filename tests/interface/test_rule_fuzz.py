"""Whatever comes as a rule is refused as one, or can be evaluated in all three ways; neither takes long.

FUZZ_EXAMPLES raises the number of examples (`make fuzz`).
"""

import os
import string

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from features.offline.rule_expressions import with_rule
from recommender.errors import InvalidRule
from recommender.rules.compiled import Rule, compile_rule, facts_of_item
from recommender.rules.parser import KEYWORDS
from recommender.rules.schema import EVENTS, FACTS, MAX_LENGTH
from tests.parity.test_rule_compilers import as_frame, event_frame
from tests.rule_strategies import Situation, rules, situations

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))
SIGNS = ("==", "!=", "<", "<=", ">", ">=", "(", ")", "[", "]", ",", "-", '"A"', "'", '"', "0", "1.5", "9" * 400, "\\")
WORDS = (*KEYWORDS, *FACTS, *EVENTS, *SIGNS, "count(", "sum(quantity of", "1 hour", "days", "true", "false", "null")

soup = st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join)
characters = st.text(alphabet=st.one_of(st.characters(), st.sampled_from(string.printable)), max_size=200)
octets = st.binary(max_size=200).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


@st.composite
def broken_rules(draw: st.DrawFn) -> str:
    """A rule that was one, until somebody cut, doubled, or wrote into it."""
    rule = draw(rules())
    start, end = sorted((draw(st.integers(0, len(rule))), draw(st.integers(0, len(rule)))))
    return rule[:start] + draw(st.one_of(st.sampled_from(WORDS), characters, st.just(rule))) + rule[end:]


def rule_or_refusal(source: str) -> Rule | InvalidRule:
    try:
        return compile_rule(source)
    except InvalidRule as refused:
        return refused


def judge(source: str, situation: Situation) -> None:
    """Refused as it should be, or the same in all three ways."""
    rule = rule_or_refusal(source)
    if isinstance(rule, InvalidRule):
        assert 0 <= rule.position <= max(len(source), MAX_LENGTH)
        assert rule.remedy
        return
    catalogue, facts = situation.catalogue, situation.facts
    each = [rule.evaluate(facts_of_item(catalogue, row, facts.now_day), facts, catalogue) for row in range(catalogue.n)]
    assert rule.mask(catalogue, facts).tolist() == [value is True for value in each]
    framed = with_rule(as_frame(situation), rule, "holds", event_frame(situation)).collect()
    assert framed["holds"].to_list() == each


@seed(20261122)
@settings(max_examples=EXAMPLES)
@given(st.one_of(soup, characters, octets, broken_rules()), situations())
def test_any_text_is_refused_with_a_remedy_or_holds_alike_in_all_three(source: str, situation: Situation) -> None:
    judge(source, situation)


def monsters() -> list[str]:
    deep, leaf = 3_000, "item.price < 1"
    return [
        "(" * deep, "(" * deep + leaf + ")" * deep, "not " * deep + leaf, " and ".join([leaf] * deep),
        " or ".join([leaf] * deep), f"item.brand in [{', '.join(['1'] * deep)}]", '"' * deep, "\\" * deep,
        "count(" * deep, "item." * deep, "9" * 4_000 + " < item.price", "item.price < " + "9" * 3_900,
        "-" * deep + "1 < item.price", "item.brand contains " + '"' + "a" * 3_900 + '"', " " * 4_000, "\0" * 4_000,
        "item.price < 1e999", "item.price <" + "\u2007" * deep + "1", "[" * deep, "a." * deep, "1" * 10**6, "é" * 10**6,
        "count(purchased where count(purchased within 1 day) > 1 within 1 day) > 1",
        "(item.price < 1 or item.price > 2) and " * 60 + leaf, ("(" * 10 + leaf + ")" * 10 + " or ") * 40 + leaf,
    ]  # fmt: skip


@pytest.mark.timeout(60)  # a few milliseconds are usual
@pytest.mark.parametrize("place", range(len(monsters())))
def test_no_monster_takes_long_or_fills_the_answer(place: int) -> None:
    found = rule_or_refusal(monsters()[place])
    assert len(str(found)) < 500 or not isinstance(found, InvalidRule)
