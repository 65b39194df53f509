"""A rule after parsing and type-checking, ready to be evaluated."""

from collections.abc import Mapping
from math import floor

import numpy as np

from recommender.arrays import Mask, Rows
from recommender.catalogue import NUMBER_FACTS, TEXT_FACTS, Catalogue
from recommender.rules.aggregates import compile_total
from recommender.rules.bounds import Bounds
from recommender.rules.facts import Facts, Value
from recommender.rules.mask import View, compile_mask
from recommender.rules.parser import parse
from recommender.rules.scalar import Scene, truth
from recommender.rules.syntax import Aggregate, Condition, Fact, aggregates, leaves, operands

__all__ = ["Facts", "Rule", "Value", "compile_rule", "facts_of_item"]


class Rule:
    """A rule of the one rule language; equal to every other rule of the same source.

    Attributes:
        source: as it was written.
        condition: its tree.
        items_only: the mask depends on the catalogue and the UTC day alone, so it may be kept for as long as both stay.
    """

    __slots__ = ("_mask", "_totals", "condition", "items_only", "source")

    def __init__(self, source: str, condition: Condition) -> None:
        self.source = source
        self.condition = condition
        self.items_only = all(
            not isinstance(operand, Aggregate) and (not isinstance(operand, Fact) or operand.namespace == "item")
            for leaf in leaves(condition)
            for operand in operands(leaf)
        )
        self._mask = compile_mask(condition)
        self._totals = [(aggregate, compile_total(aggregate)) for aggregate in aggregates(condition)]

    def mask(self, catalogue: Catalogue, facts: Facts, rows: Rows | None = None) -> Mask:
        """True where the rule is definitely true; over all `catalogue.n` rows, or over `rows` (each in [0, n))."""
        result = self._mask(View.of(catalogue, facts, self._totalled(facts, catalogue), rows))
        if isinstance(result, bool):
            return np.full(catalogue.n if rows is None else len(rows), result, dtype=np.bool_)
        return result

    def evaluate(
        self, item_facts: Mapping[str, Value], facts: Facts, catalogue: Catalogue | None = None
    ) -> bool | None:
        """The rule for one item (`{}`: for no item); None: unknown.

        Args:
            item_facts: by the name after the dot ("price"); see `facts_of_item`.
            facts: the rest.
            catalogue: where the items of `facts.events` are looked up; without it nothing is known of them.
        """
        return truth(self.condition, Scene(item_facts, facts, self._totalled(facts, catalogue)))

    def _totalled(self, facts: Facts, catalogue: Catalogue | None) -> dict[Aggregate, Bounds]:
        return {aggregate: total(facts, catalogue) for aggregate, total in self._totals}

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        return f"Rule({self.source!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rule) and self.source == other.source

    def __hash__(self) -> int:
        return hash(self.source)


def compile_rule(text: str, *, field: str = "filter") -> Rule:
    """Parse and type-check; raises InvalidRule that names `field`, the position and the remedy."""
    return Rule(text, parse(text, field=field))


def facts_of_item(catalogue: Catalogue, row: int, now_day: float) -> dict[str, Value]:
    """All facts of one item, as `Rule.evaluate` takes them; an unknown number is NaN."""
    facts: dict[str, Value] = {name: catalogue.text[name].word(row) for name in TEXT_FACTS}
    facts |= {name: float(catalogue.number[name][row]) for name in NUMBER_FACTS}
    facts["age_days"] = floor(now_day) - float(np.floor(catalogue.number["added_day"][row]))
    facts["in_stock"] = bool(catalogue.in_stock[row])
    return facts
