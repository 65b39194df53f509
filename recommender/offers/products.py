"""What a coupon is for: a rule over items, a list of items, or both."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from recommender.arrays import Mask, Rows
from recommender.catalogue import Catalogue
from recommender.rules.compiled import Facts, Rule, facts_of_item
from recommender.shopper import Purchases

LOOKED_AT = 64  # rows of a campaign at once, until enough of them can be shown


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


def shown_first(rows: Rows, purchases: Purchases, for_sale: Callable[[Rows], Rows], n: int) -> list[int]:
    """Up to n rows of a campaign to show with an offer: those bought most often, then the first of the others.

    Args:
        rows: of the campaign, ascending, no repeats.
        for_sale: those of some rows that can be bought, in their order. It is asked of few rows at a time, for a
            campaign may be of the whole assortment.
    """
    mine = np.flatnonzero(_among(purchases.rows, rows))
    most_often = mine[np.argsort(-purchases.baskets[mine], kind="stable")]
    shown, start = for_sale(purchases.rows[most_often]).tolist(), 0
    while len(shown) < n and start < len(rows):
        shown += [row for row in for_sale(rows[start : start + LOOKED_AT]).tolist() if row not in shown]
        start += LOOKED_AT
    return shown[:n]


def _among(few: Rows, ascending: Rows) -> Mask:
    place = np.searchsorted(ascending, few)
    found = place < len(ascending)
    found[found] = ascending[place[found]] == few[found]
    return found
