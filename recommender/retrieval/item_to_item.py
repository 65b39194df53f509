"""Items like the one in view."""

import numpy as np

from recommender.arrays import EMPTY_ROWS, Codes, Rows
from recommender.native import I32, I64, compiled, reads, writes
from recommender.retrieval.proposal import NOTHING, Proposal
from recommender.retrieval.selection import is_among
from recommender.situation import Situation

PROPOSED = 100


def like_the_item_in_view(situation: Situation) -> Proposal:
    """Neighbours of the item in view first, then what sells best of its type and category."""
    item = situation.query.context_item
    if item is None:
        return NOTHING
    catalogue, model = situation.catalogue, situation.model
    near, _ = model.neighbours.of(item)
    best_sellers = model.popularity.by_category.get(catalogue.text["category"].word(item) or "", EMPTY_ROWS)
    rows = np.empty(PROPOSED, dtype=np.int32)
    rows = rows[: _join(rows, near, best_sellers, catalogue.text["type"].codes, item)]
    return Proposal(rows, because=np.full(len(rows), item, dtype=np.int32))


@compiled(I64, writes(I32), I64, reads(I32), reads(I32), I64)
def _add(found: Rows, n: int, rows: Rows, types: Codes, kind: int) -> int:
    """Write those of a type (-1: of any) behind the `n` that are there, until `found` is full; returns how many are."""
    for row in rows:
        if n == len(found):
            break
        if (kind < 0 or types[row] == kind) and not is_among(row, found, n):
            found[n] = row
            n += 1
    return n


@compiled(I64, writes(I32), reads(I32), reads(I32), reads(I32), I64)
def _join(found: Rows, near: Rows, best_sellers: Rows, types: Codes, item: int) -> int:
    """Write what is near, then the best sellers, those of the item's type first; each row where it comes first.

    Returns how many there are.
    """
    n = _add(found, 0, near, types, -1)
    if types[item] >= 0:
        n = _add(found, n, best_sellers, types, types[item])
    return _add(found, n, best_sellers, types, -1)
