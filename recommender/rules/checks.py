"""The types of the rule language: which values may be compared, and what to say when they may not."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal as Choice
from typing import cast

from recommender.rules.schema import FACTS, FactType
from recommender.rules.syntax import (
    AmongFact,
    And,
    Compare,
    Condition,
    Fact,
    Literal,
    Not,
    Operand,
    Or,
    Order,
    Search,
    Truth,
    type_of,
)
from recommender.rules.tokens import Token, refusal


@dataclass(frozen=True, slots=True)
class Side:
    """A value of the rule and the token that it starts with."""

    operand: Operand
    token: Token


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant; None if none is close."""
    found = get_close_matches(word[:60], list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def find_fact(token: Token, field: str) -> Fact:
    """The fact of this name; raises InvalidRule with the nearest one."""
    if token.value in FACTS:
        return Fact(token.value)
    guess = nearest(token.value, FACTS)
    remedy = (
        f"Did you mean {guess}?" if guess else "Facts begin with item., shopper., basket. or context.; quote texts."
    )
    raise refusal(f"there is no fact {token.value[:60]!r}", position=token.position, field=field, remedy=remedy)


def check_comparison(left: Side, sign: Token, right: Side, field: str) -> Condition:
    """`left sign right`; raises InvalidRule if the types do not fit."""
    types = type_of(left.operand), type_of(right.operand)
    if types[0] != types[1] or FactType.TEXTS in types:
        raise refusal(
            f"{types[0]} cannot be compared with {types[1]}", position=sign.position, field=field,
            remedy="Write a set as `... in shopper.segments`." if FactType.TEXTS in types else _conversion(types),
        )  # fmt: skip
    if types[0] != FactType.NUMBER and sign.value not in ("==", "!="):
        raise refusal(
            f"{sign.value} needs numbers, not {types[0]}", position=sign.position, field=field,
            remedy="Use == or !=.",
        )  # fmt: skip
    if types[0] == FactType.TEXT and _is_item(left.operand) and _is_item(right.operand):
        raise refusal(
            "two texts of the item cannot be compared with each other", position=right.token.position, field=field,
            remedy="Compare with a text, or with a fact of the shopper, the basket or the context.",
        )  # fmt: skip
    order = cast("Order", sign.value)  # the parser comes here with a sign of OPPOSITE only
    return (
        _booleans(left, order, right) if types[0] == FactType.BOOLEAN else Compare(left.operand, order, right.operand)
    )


def _conversion(types: tuple[FactType, FactType]) -> str:
    if set(types) == {FactType.TEXT, FactType.NUMBER}:
        return "Texts stand in quotation marks, numbers without them."
    return "Compare text with text, numbers with numbers, and true or false with true or false."


def _is_item(operand: Operand) -> bool:
    return isinstance(operand, Fact) and operand.namespace == "item"


def _booleans(left: Side, order: Order, right: Side) -> Condition:
    """Comparing two booleans, spelt with `and`, `or` and `not`: the same in three-valued logic."""
    sides = [Truth(side.operand) for side in (left, right) if isinstance(side.operand, Fact | Literal)]
    same = Or((And(tuple(sides)), And(tuple(Not(side) for side in sides))))
    return same if order == "==" else Not(same)


def check_boolean(side: Side, following: Token, field: str) -> Truth:
    """A value that is a condition by itself; raises InvalidRule if it is not true or false."""
    if isinstance(side.operand, Fact | Literal) and type_of(side.operand) == FactType.BOOLEAN:
        return Truth(side.operand)
    raise refusal(
        f"{type_of(side.operand)} is no condition by itself", position=following.position, field=field,
        remedy="Compare it: with ==, <, `in [...]` or `is known`. Parentheses group conditions, not values.",
    )  # fmt: skip


def check_membership(left: Side, right: Side, *, negated: bool, field: str) -> AmongFact:
    """`left in right` where right is a set fact; raises InvalidRule if the types do not fit."""
    if not isinstance(right.operand, Fact) or type_of(right.operand) != FactType.TEXTS:
        raise refusal(
            "`in` needs a list or a set fact", position=right.token.position, field=field,
            remedy='Write `in ["a", "b"]` or `in shopper.segments`.',
        )  # fmt: skip
    if type_of(left.operand) != FactType.TEXT:
        raise refusal(
            f"{type_of(left.operand)} cannot be in a set of texts", position=left.token.position, field=field,
            remedy='Put a text in front of `in`: "vip" in shopper.segments.',
        )  # fmt: skip
    return AmongFact(left.operand, right.operand, negated=negated)


def check_search(
    left: Side, how: Choice["contains", "starts with"], right: Side, *, negated: bool, field: str
) -> Search:
    """`left contains right`; raises InvalidRule unless left is a searchable text fact and right a written text."""
    if not isinstance(left.operand, Fact) or type_of(left.operand) != FactType.TEXT:
        raise refusal(
            f"`{how}` looks into a text fact", position=left.token.position, field=field,
            remedy=f'Put a text fact in front: item.brand {how} "...".',
        )  # fmt: skip
    if not FACTS[left.operand.path].searchable:
        raise refusal(
            f"{left.operand.path} is a key: `{how}` cannot look into it", position=left.token.position, field=field,
            remedy="Compare the whole key with == or `in [...]`.",
        )  # fmt: skip
    if not isinstance(right.operand, Literal) or not isinstance(right.operand.value, str):
        raise refusal(
            f"`{how}` needs a written text", position=right.token.position, field=field,
            remedy="Put the text into quotation marks.",
        )  # fmt: skip
    return Search(left.operand, how, right.operand.value, negated=negated)
