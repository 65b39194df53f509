import re
from pathlib import Path

import pytest

from recommender.errors import InvalidRule
from recommender.rules.compiled import compile_rule
from recommender.rules.satisfiable import find_contradiction
from recommender.rules.schema import FACTS, FactType

PAGE = (Path(__file__).parents[4] / "docs/rules.md").read_text()
TYPES = {
    FactType.TEXT: "text", FactType.NUMBER: "number", FactType.BOOLEAN: "boolean", FactType.TEXTS: "set of texts",
}  # fmt: skip
EXAMPLES = [line for block in re.findall(r"```rule\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
REFUSALS = re.findall(r"^\| `(.+)` \| (.+ \(character \d+\))\. (.+) \|$", PAGE, re.MULTILINE)


def test_the_page_lists_every_fact() -> None:
    for path, kind in FACTS.items():
        assert f"| `{path}` | {TYPES[kind.type]} | {kind.meaning} |" in PAGE


@pytest.mark.parametrize("source", EXAMPLES)
def test_an_example_is_a_rule_that_can_be_true(source: str) -> None:
    assert find_contradiction(compile_rule(source)) is None


@pytest.mark.parametrize(("source", "message", "remedy"), REFUSALS)
def test_a_refusal_reads_as_the_page_says(source: str, message: str, remedy: str) -> None:
    with pytest.raises(InvalidRule) as refusal:
        compile_rule(source)
    assert (str(refusal.value), refusal.value.remedy) == (message, remedy)


def test_the_page_has_examples_of_both() -> None:
    assert len(EXAMPLES) > 10
    assert len(REFUSALS) > 3
