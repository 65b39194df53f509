"""What a coupon is for: a rule over items, a list of items, or both."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from recommender.arrays import Rows
from recommender.catalogue import Catalogue
from recommender.rules.compiled import Facts, Rule, facts_of_item


@dataclass(frozen=True, slots=True)
class Products:
    """A product must pass the rule and be listed; None leaves out nothing.

    Lists are for thousands of items: a look-up each, where a rule of as many words would have to be parsed.
    """

    rule: Rule | None = None
    items: AbstractSet[str] | None = None

    def rows(self, catalogue: Catalogue, now_day: float) -> Rows:
        """Rows of the products, visible or not, ascending; `now_day`: days since 1970-01-01 UTC."""
        if self.items is None:
            rows = np.arange(catalogue.n, dtype=np.int32)
        else:
            found = map(catalogue.row_of, self.items)
            rows = np.sort(np.fromiter((row for row in found if row >= 0), dtype=np.int32))
        return rows if self.rule is None else rows[self.rule.mask(catalogue, Facts(now_day=now_day), rows)]

    def cover(self, item_id: str, catalogue: Catalogue, now_day: float) -> bool:
        """Whether an item is one of the products; one that the catalogue does not have passes no rule."""
        if self.items is not None and item_id not in self.items:
            return False
        if self.rule is None:
            return True
        row = catalogue.row_of(item_id)
        return row >= 0 and self.rule.evaluate(facts_of_item(catalogue, row, now_day), Facts(now_day=now_day)) is True
