"""How much of what a shopper buys, or has at hand, is of the same kind as an item."""

import numpy as np

from recommender.arrays import Codes, Floats, Rows
from recommender.catalogue import TextColumn
from recommender.native import F32, I32, I64, compiled, reads, writes


def affinity(fact: TextColumn, owned: Rows, weights: Floats, rows: Rows) -> Floats:
    """Share of the owned items, by weight, that have the same word for `fact` as each of `rows`.

    Args:
        owned, weights: (m,) item rows and their weights, at least 0.

    Returns:
        (n,) float32 in [0, 1]; 0 where the item's word is not known.
    """
    return _share(fact.codes, len(fact.words), owned, weights, rows)


@compiled(writes(F32), reads(I32), I64, reads(I32), reads(F32), reads(I32))
def _share(codes: Codes, n_words: int, owned: Rows, weights: Floats, rows: Rows) -> Floats:
    of_word = np.zeros(n_words, dtype=np.float32)
    total = np.float32(1e-30)
    for i in range(len(owned)):
        total += weights[i]
        if codes[owned[i]] >= 0:
            of_word[codes[owned[i]]] += weights[i]
    shares = np.zeros(len(rows), dtype=np.float32)
    for i in range(len(rows)):
        if codes[rows[i]] >= 0:
            shares[i] = min(of_word[codes[rows[i]]] / total, np.float32(1.0))
    return shares
