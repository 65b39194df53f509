"""A parsed rule as a tree. The parser builds only trees whose types fit."""

from dataclasses import dataclass
from typing import Literal as Choice

from recommender.rules.schema import FACTS, FactType
from recommender.shopper import EventKind

Order = Choice["==", "!=", "<", "<=", ">", ">="]

OPPOSITE: dict[Order, Order] = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in the rule; numbers are floats."""

    value: str | float | bool


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact by its full name, such as `item.price`."""

    path: str

    @property
    def namespace(self) -> str:
        """The part before the dot."""
        return self.path.partition(".")[0]

    @property
    def name(self) -> str:
        """The part after the dot."""
        return self.path.partition(".")[2]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`count(orders where ... within 28 days)`; in `where`, `item.` means the item of the event."""

    measure: Choice["count", "sum"]  # sum: of the quantity
    kind: EventKind
    where: "Condition | None"
    window_days: float


Operand = Literal | Fact | Aggregate


@dataclass(frozen=True, slots=True)
class Compare:
    """Two numbers, or two texts (then the order is == or !=)."""

    left: Operand
    order: Order
    right: Operand


@dataclass(frozen=True, slots=True)
class Among:
    """`operand in [...]`; texts or numbers, all of the operand's type. Negated: `not in`."""

    operand: Operand
    values: tuple[str, ...] | tuple[float, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class AmongFact:
    """`operand in shopper.segments`. Negated: `not in`."""

    operand: Operand
    texts: Fact
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """`fact contains "..."` or `fact starts with "..."`."""

    fact: Fact
    how: Choice["contains", "starts with"]
    text: str
    negated: bool = False

    def finds(self, word: str) -> bool:
        """Whether one word passes, `negated` left aside."""
        return self.text in word if self.how == "contains" else word.startswith(self.text)


@dataclass(frozen=True, slots=True)
class Known:
    """`fact is known`. Negated: `is unknown`. It is itself never unknown."""

    fact: Fact
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Truth:
    """A boolean fact or literal as a condition of its own."""

    operand: Literal | Fact
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Not:
    """True when `part` is false."""

    part: "Condition"


@dataclass(frozen=True, slots=True)
class And:
    """True when all parts are, false when one is false."""

    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """True when one part is, false when all are false."""

    parts: "tuple[Condition, ...]"


Leaf = Compare | Among | AmongFact | Search | Known | Truth
Condition = Leaf | Not | And | Or


def type_of(operand: Operand) -> FactType:
    """The type of a value."""
    match operand:
        case Fact(path):
            return FACTS[path].type
        case Literal(bool()):
            return FactType.BOOLEAN
        case Literal(str()):
            return FactType.TEXT
        case _:
            return FactType.NUMBER


def operands(leaf: Leaf) -> tuple[Operand, ...]:
    """The values that a leaf looks at."""
    match leaf:
        case Compare(left, _, right):
            return (left, right)
        case AmongFact(operand, texts):
            return (operand, texts)
        case Among(operand) | Truth(operand):
            return (operand,)
        case Search(fact) | Known(fact):
            return (fact,)


def leaves(condition: Condition) -> list[Leaf]:
    """All leaves of a tree, from left to right; those inside a `where` are not among them."""
    match condition:
        case Not(part):
            return leaves(part)
        case And(parts) | Or(parts):
            return [leaf for part in parts for leaf in leaves(part)]
        case _:
            return [condition]


def looks_at_item(condition: Condition) -> bool:
    """Whether its truth may differ from one item to another."""
    return any(
        isinstance(operand, Fact) and operand.namespace == "item"
        for leaf in leaves(condition)
        for operand in operands(leaf)
    )


def aggregates(condition: Condition) -> list[Aggregate]:
    """The aggregates of a tree, each once, in the order in which they stand."""
    found = (operand for leaf in leaves(condition) for operand in operands(leaf))
    return list(dict.fromkeys(operand for operand in found if isinstance(operand, Aggregate)))


def without_not(condition: Condition, *, negated: bool = False) -> Condition:
    """The same rule, or its negation, with every `not` moved into the leaves; all three truth values stay the same."""
    match condition:
        case Not(part):
            return without_not(part, negated=not negated)
        case And(parts):
            inner = tuple(without_not(part, negated=negated) for part in parts)
            return Or(inner) if negated else And(inner)
        case Or(parts):
            inner = tuple(without_not(part, negated=negated) for part in parts)
            return And(inner) if negated else Or(inner)
        case _:
            return _opposite(condition) if negated else condition


def _opposite(leaf: Leaf) -> Leaf:
    match leaf:
        case Compare(left, order, right):
            return Compare(left, OPPOSITE[order], right)
        case Among(operand, values, negated):
            return Among(operand, values, negated=not negated)
        case AmongFact(operand, texts, negated):
            return AmongFact(operand, texts, negated=not negated)
        case Search(fact, how, text, negated):
            return Search(fact, how, text, negated=not negated)
        case Known(fact, negated):
            return Known(fact, negated=not negated)
        case Truth(operand, negated):
            return Truth(operand, negated=not negated)
