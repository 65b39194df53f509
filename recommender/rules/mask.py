"""Compiles a rule to a numpy mask over items; texts are compared by their codes."""

from collections.abc import Callable, Mapping, Sequence
from math import floor

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Codes, Mask, Rows
from recommender.catalogue import Catalogue, TextColumn
from recommender.rules.bounds import Bounds, surely
from recommender.rules.facts import Facts
from recommender.rules.scalar import Scene, number, text, truth
from recommender.rules.schema import FactType
from recommender.rules.syntax import (
    Aggregate,
    Among,
    AmongFact,
    And,
    Compare,
    Condition,
    Fact,
    Known,
    Leaf,
    Operand,
    Or,
    Search,
    Truth,
    looks_at_item,
    type_of,
    without_not,
)
from recommender.value import value


@value(slots=True)
class View:
    """The items that a mask is about, and everything else that the rule sees. `rows` None: all `catalogue.n`."""

    catalogue: Catalogue
    rows: Rows | None
    scene: Scene

    @classmethod
    def of(cls, catalogue: Catalogue, facts: Facts, totals: Mapping[Aggregate, Bounds], rows: Rows | None) -> "View":
        """Look at all items, or at some rows, each in [0, catalogue.n)."""
        return cls(catalogue, rows, Scene({}, facts, totals))

    def column(self, name: str) -> TextColumn:
        """The words of a text fact of the item."""
        return self.catalogue.text[name]

    def codes(self, name: str) -> Codes:
        """The code of a text fact for each item; below 0: unknown."""
        codes = self.catalogue.text[name].codes
        return codes[: self.catalogue.n] if self.rows is None else codes.take(self.rows)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A number fact for each item; NaN: unknown."""
        if name == "age_days":
            return floor(self.scene.facts.now_day) - np.floor(self.numbers("added_day"))
        values = self.catalogue.number[name]
        return values[: self.catalogue.n] if self.rows is None else values.take(self.rows)

    def in_stock(self) -> Mask:
        """Whether each item is in stock; never unknown. The array is the caller's own."""
        values = self.catalogue.in_stock
        return values[: self.catalogue.n].copy() if self.rows is None else values.take(self.rows)


MaskOf = Callable[[View], Mask | bool]  # a bool stands for a mask that is all true or all false


def compile_mask(condition: Condition) -> MaskOf:
    """What is true exactly where the rule is definitely true."""
    return _compile(without_not(condition))


def _compile(condition: Condition) -> MaskOf:
    if not looks_at_item(condition):
        return lambda view: truth(condition, view.scene) is True
    match condition:
        case And(parts):
            return _join(parts, decided_by=False)
        case Or(parts):
            return _join(parts, decided_by=True)
        case Compare() | Among() | AmongFact() | Search() | Known() | Truth():
            return _compile_leaf(condition)
        case _:
            raise ValueError("negations are moved into the leaves before a mask is compiled")


def _join(parts: Sequence[Condition], *, decided_by: bool) -> MaskOf:
    """`or` (decided as soon as a part is all true) or `and` (all false); what needs no item is asked first."""
    compiled = [_compile(part) for part in sorted(parts, key=looks_at_item)]
    join = np.logical_or if decided_by else np.logical_and

    def mask(view: View) -> Mask | bool:
        joined: Mask | bool = not decided_by
        for part in compiled:
            value = part(view)
            if value is decided_by:
                return decided_by
            if isinstance(joined, bool):
                joined = value
            elif not isinstance(value, bool):
                joined = join(joined, value)
        return joined

    return mask


def _compile_leaf(leaf: Leaf) -> MaskOf:
    match leaf:
        case Compare(left, order, right) if type_of(left) == FactType.NUMBER:
            return lambda view: surely(_numbers(left, view), order, _numbers(right, view))
        case Compare(left, order, right):
            item, other = (left, right) if looks_at_item(Compare(left, order, left)) else (right, left)
            return _equal_text(_item_fact(item), other, negated=order == "!=")
        case Among(operand, values, negated):
            return _among(_item_fact(operand), values, negated=negated)
        case AmongFact(operand, texts, negated):
            return _among_fact(_item_fact(operand), texts, negated=negated)
        case Search(fact):
            return _search(fact, leaf)
        case Known(fact, negated):
            return _known(fact, negated=negated)
        case Truth(_, negated):
            return lambda view: np.logical_not(view.in_stock()) if negated else view.in_stock()


def _item_fact(operand: Operand) -> Fact:
    if not isinstance(operand, Fact):
        raise ValueError("a leaf that looks at the item has an item fact")  # noqa: TRY004 (a tree of the wrong shape)
    return operand


def _numbers(operand: Operand, view: View) -> Bounds:
    if isinstance(operand, Fact) and operand.namespace == "item":
        return Bounds.exactly(view.numbers(operand.name))
    return number(operand, view.scene)


def _equal_text(fact: Fact, other: Operand, *, negated: bool) -> MaskOf:
    def mask(view: View) -> Mask | bool:
        word = text(other, view.scene)
        if word is None:
            return False
        code = view.column(fact.name).code_of(word)
        codes = view.codes(fact.name)
        if negated:
            return (codes >= 0) & (codes != code)
        return False if code < 0 else codes == code

    return mask


def _among(fact: Fact, values: tuple[str, ...] | tuple[float, ...], *, negated: bool) -> MaskOf:
    if type_of(fact) == FactType.TEXT:
        words = [value for value in values if isinstance(value, str)]
        return lambda view: _coded_among(view, fact.name, words, negated=negated)
    wanted = np.array(values, dtype=np.float64)

    def mask(view: View) -> Mask:
        numbers = view.numbers(fact.name)
        found = np.isin(numbers, wanted)
        return ~(found | np.isnan(numbers)) if negated else found

    return mask


def _among_fact(fact: Fact, texts: Fact, *, negated: bool) -> MaskOf:
    def mask(view: View) -> Mask | bool:
        words = view.scene.value(texts)
        if not isinstance(words, frozenset | set):
            return False
        return _coded_among(view, fact.name, list(words), negated=negated)

    return mask


def _coded_among(view: View, name: str, words: Sequence[str], *, negated: bool) -> Mask:
    column = view.column(name)
    codes = [code for code in map(column.code_of, words) if code >= 0]
    return _look_up(view.codes(name), len(column.words), codes, negated=negated)


def _look_up(codes: Codes, n_words: int, wanted: Sequence[int], *, negated: bool) -> Mask:
    """Where a code is one of `wanted`, or is known and is not; through a table by code whose last entry is for -1."""
    table: Mask = np.zeros(n_words + 1, dtype=np.bool_)
    table[np.array(wanted, dtype=np.int32)] = True
    found = table.take(codes)
    return ~found & (codes >= 0) if negated else found


def _search(fact: Fact, search: Search) -> MaskOf:
    def mask(view: View) -> Mask:
        words = view.column(fact.name).words
        codes = view.codes(fact.name)
        # Words are read once each: those of the rows at hand, or all where that is less.
        used = range(len(words)) if len(words) <= len(codes) else np.unique(codes[codes >= 0]).tolist()
        found = [code for code in used if search.finds(words[code])]
        return _look_up(codes, len(words), found, negated=search.negated)

    return mask


def _known(fact: Fact, *, negated: bool) -> MaskOf:
    def mask(view: View) -> Mask | bool:
        match type_of(fact):
            case FactType.TEXT:
                known = view.codes(fact.name) >= 0
            case FactType.NUMBER:
                known = ~np.isnan(view.numbers(fact.name))
            case _:
                return not negated
        return ~known if negated else known

    return mask
