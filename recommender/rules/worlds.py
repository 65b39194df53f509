"""For conditions about one fact or one pair of facts: so few values that if any value passes, one of these does."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import inf, isfinite

from recommender.rules.bounds import Bounds
from recommender.rules.facts import Facts, Value
from recommender.rules.scalar import Scene
from recommender.rules.schema import FACTS, FactType
from recommender.rules.syntax import (
    Aggregate,
    Among,
    AmongFact,
    Compare,
    Fact,
    Leaf,
    Literal,
    Operand,
    Search,
    operands,
    type_of,
)

Subject = frozenset[Operand]

_SAME_AND_DIFFERENT_TEXTS = (("a", "a"), ("a", "b"))
_ALL_ORDERS = ((0.0, 1.0), (1.0, 1.0), (1.0, 0.0))


def subject(leaf: Leaf) -> Subject:
    """What a leaf is about: its facts and aggregates, and the text that it looks for in a set fact."""
    looked_at = operands(leaf)
    if isinstance(leaf, AmongFact):
        return frozenset(looked_at)
    return frozenset(operand for operand in looked_at if not isinstance(operand, Literal))


def worlds(leaves: Sequence[Leaf]) -> Iterable[Scene] | None:
    """Scenes for leaves of one subject; if none makes all of them true, nothing does. None: not to be enumerated."""
    about = list(subject(leaves[0]))
    if not about:
        return [_scene({})]
    if any(isinstance(leaf, AmongFact) for leaf in leaves):
        return _sets(leaves)
    if len(about) == 2:
        pairs = _SAME_AND_DIFFERENT_TEXTS if type_of(about[0]) == FactType.TEXT else _ALL_ORDERS
        return [_scene(dict(zip(about, pair, strict=True))) for pair in pairs]
    values = _values(about[0], leaves)
    return None if values is None else (_scene({about[0]: value}) for value in values)


def _values(about: Operand, leaves: Sequence[Leaf]) -> Iterable[Value] | None:
    match type_of(about):
        case FactType.NUMBER:
            return _numbers(about, leaves)
        case FactType.BOOLEAN:
            return (True, False, None)
        case FactType.TEXTS:
            return (frozenset[str](), None)
        case FactType.TEXT:
            return _texts(leaves)


def _numbers(about: Operand, leaves: Sequence[Leaf]) -> Iterator[float | None]:
    """Every number that the leaves name, one between each two neighbours, and one beyond either end."""
    lowest, highest = (FACTS[about.path].lowest, FACTS[about.path].highest) if isinstance(about, Fact) else (0.0, inf)
    named = {value for leaf in leaves for value in _written(leaf) if isinstance(value, float)} | {lowest, highest}
    ordered = sorted(filter(isfinite, named)) or [0.0]
    between = [(low + high) / 2 for low, high in pairwise(ordered)]
    for number in (ordered[0] - 1, ordered[-1] + 1, *between, *ordered):
        if lowest <= number <= highest:
            yield number
    if isinstance(about, Fact):
        yield None


def _texts(leaves: Sequence[Leaf]) -> list[str | None] | None:
    """The texts that one leaf limits the fact to; without such a leaf a text that no leaf names, unless they search."""
    for leaf in leaves:
        match leaf:
            case Compare(_, "==") | Among(negated=False) if written := _written(leaf):
                return [value for value in written if isinstance(value, str)]
            case _:
                continue
    if any(isinstance(leaf, Search) for leaf in leaves):
        return None
    named = [value for leaf in leaves for value in _written(leaf) if isinstance(value, str)]
    return ["-".join(["another", *named]), None]


def _written(leaf: Leaf) -> tuple[str | float | bool, ...]:
    if isinstance(leaf, Among):
        return leaf.values
    return tuple(operand.value for operand in operands(leaf) if isinstance(operand, Literal))


def _sets(leaves: Sequence[Leaf]) -> Iterator[Scene]:
    """The text in the set, and not in it."""
    leaf = next(leaf for leaf in leaves if isinstance(leaf, AmongFact))
    word = leaf.operand.value if isinstance(leaf.operand, Literal) else "a"
    for texts in (frozenset([str(word)]), frozenset[str]()):
        yield _scene({leaf.operand: word, leaf.texts: texts})


def _scene(values: Mapping[Operand, Value]) -> Scene:
    facts: dict[str, dict[str, Value]] = {"item": {}, "shopper": {}, "basket": {}, "context": {}}
    for operand, value in values.items():
        if isinstance(operand, Fact):
            facts[operand.namespace][operand.name] = value
    totals = {
        aggregate: Bounds.exactly(value)
        for aggregate, value in values.items()
        if isinstance(aggregate, Aggregate) and isinstance(value, float)
    }
    outside = Facts(now_day=0.0, shopper=facts["shopper"], basket=facts["basket"], context=facts["context"])
    return Scene(facts["item"], outside, totals)
