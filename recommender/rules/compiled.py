"""A rule after parsing and type-checking, ready to be evaluated."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from recommender.arrays import Mask, Rows
from recommender.catalogue import Catalogue
from recommender.shopper import NO_TOUCHES, Touches

Value = str | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a rule can see besides the item. A fact that is absent or None is unknown."""

    now_day: float
    shopper: Mapping[str, Value] = field(default_factory=lambda: dict[str, Value]())
    basket: Mapping[str, Value] = field(default_factory=lambda: dict[str, Value]())
    context: Mapping[str, Value] = field(default_factory=lambda: dict[str, Value]())
    events: Touches = NO_TOUCHES


class Rule:
    """Placeholder until the compilers land."""

    source: str = ""
    items_only: bool = True  # True: the mask depends on the catalogue and the day alone, so it may be kept

    def mask(self, catalogue: Catalogue, facts: Facts, rows: Rows | None = None) -> Mask:
        """True where the rule is definitely true; over all `catalogue.n` rows, or over `rows`."""
        return np.ones(catalogue.n if rows is None else len(rows), dtype=np.bool_)


def compile_rule(text: str, *, field: str = "filter") -> Rule:
    """Parse and type-check; raises InvalidRule that names `field`, the position and the remedy."""
    raise NotImplementedError
