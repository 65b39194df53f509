"""Evaluates a rule for one item, or for none, in plain Python."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isnan

import numpy as np

from recommender.rules.bounds import UNKNOWN, Bounds, compare
from recommender.rules.facts import Facts, Value
from recommender.rules.schema import FACTS, FactType
from recommender.rules.syntax import (
    Aggregate,
    Among,
    AmongFact,
    And,
    Compare,
    Condition,
    Fact,
    Known,
    Literal,
    Not,
    Operand,
    Or,
    Search,
    Truth,
    type_of,
)


@dataclass(frozen=True, slots=True)
class Scene:
    """What one evaluation sees: the facts of the item (none: all unknown), the rest, and the totals of aggregates."""

    item: Mapping[str, Value]
    facts: Facts
    totals: Mapping[Aggregate, Bounds]

    def value(self, fact: Fact) -> Value:
        """The value of a fact; None when it is unknown or not of the fact's type."""
        match fact.namespace:
            case "item":
                value = self.item.get(fact.name)
            case "shopper":
                value = self.facts.shopper.get(fact.name)
            case "basket":
                value = self.facts.basket.get(fact.name)
            case _:
                value = self.facts.context.get(fact.name)
        return value if _fits(value, FACTS[fact.path].type) else None


def _fits(value: Value, expected: FactType) -> bool:
    match expected:
        case FactType.TEXT:
            return isinstance(value, str)
        case FactType.NUMBER:
            return isinstance(value, int | float | np.number) and not isinstance(value, bool) and not isnan(value)
        case FactType.BOOLEAN:
            return isinstance(value, bool | np.bool_)
        case FactType.TEXTS:
            return isinstance(value, frozenset | set)


def truth(condition: Condition, scene: Scene) -> bool | None:
    """True, false, or None for unknown."""
    match condition:
        case And(parts):
            return all_of(truth(part, scene) for part in parts)
        case Or(parts):
            return negate(all_of(negate(truth(part, scene)) for part in parts))
        case Not(part):
            return negate(truth(part, scene))
        case Compare(left, order, right) if type_of(left) == FactType.NUMBER:
            return compare(number(left, scene), order, number(right, scene))
        case Compare(left, order, right):
            words = text(left, scene), text(right, scene)
            return None if None in words else (words[0] == words[1]) == (order == "==")
        case Known(fact, negated):
            return (scene.value(fact) is None) == negated
        case Truth(operand, negated):
            value = _plain(operand, scene)
            return None if value is None else bool(value) != negated
        case Among(operand, values, negated):
            value = _plain(operand, scene)
            return None if value is None else (value in values) != negated
        case AmongFact(operand, texts, negated):
            word, words = text(operand, scene), scene.value(texts)
            return None if word is None or not isinstance(words, frozenset | set) else (word in words) != negated
        case Search(fact, _, _, negated):
            word = text(fact, scene)
            return None if word is None else condition.finds(word) != negated


def number(operand: Operand, scene: Scene) -> Bounds:
    """The number that an operand stands for."""
    if isinstance(operand, Aggregate):
        return scene.totals[operand]
    value = _plain(operand, scene)
    return UNKNOWN if value is None or isinstance(value, str | frozenset) else Bounds.exactly(float(value))


def text(operand: Operand, scene: Scene) -> str | None:
    """The text that an operand stands for; None when unknown."""
    value = _plain(operand, scene)
    return value if isinstance(value, str) else None


def _plain(operand: Operand, scene: Scene) -> Value:
    match operand:
        case Literal(value):
            return value
        case Fact():
            return scene.value(operand)
        case Aggregate():
            raise ValueError("an aggregate is a number within bounds, not a plain value")


def negate(value: bool | None) -> bool | None:
    """Three-valued `not`."""
    return None if value is None else not value


def all_of(values: Iterable[bool | None]) -> bool | None:
    """Three-valued `and`: false as soon as one is false."""
    result: bool | None = True
    for value in values:
        if value is False:
            return False
        if value is None:
            result = None
    return result
