"""How much of what a shopper buys, or has at hand, is of the same kind as an item."""

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Floats, Matrix, Rows
from recommender.catalogue import KIND_FACTS, Catalogue
from recommender.native import F32, I32, I64, NOTHING, compiled, reads, writes


def affinity(catalogue: Catalogue, fact: str, owned: Rows, weights: Floats, rows: Rows) -> Floats:
    """Share of the owned items, by weight, that have the same word for `fact` as each of `rows`.

    Args:
        fact: one of KIND_FACTS.
        owned, weights: (m,) item rows and their weights, at least 0.

    Returns:
        (n,) float32 in [0, 1]; 0 where the item's word is not known.
    """
    shares = np.empty((1, len(rows)), dtype=np.float32)
    write_affinities(shares, catalogue, (fact,), owned, weights, rows)
    return shares[0]


def write_affinities(
    into: Matrix, catalogue: Catalogue, facts: tuple[str, ...], owned: Rows, weights: Floats, rows: Rows
) -> None:
    """Write `affinity` for several facts into (len(facts), n) contiguous rows."""
    columns, starts = catalogue.kept.get(catalogue.version, ("words", facts), lambda: _words_of(catalogue, facts))
    of_word = np.zeros(starts[-1], dtype=np.float32)
    _share(into, of_word, columns, starts, catalogue.cards, owned, weights, rows)


def _words_of(catalogue: Catalogue, facts: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Columns of the facts in the cards, and where the words of each start when they are put one after the other."""
    columns = np.array([KIND_FACTS.index(fact) for fact in facts], dtype=np.int64)
    return columns, np.cumsum([0, *(len(catalogue.text[fact].words) for fact in facts)], dtype=np.int64)


@compiled(
    NOTHING, writes(F32, 2), writes(F32), reads(I64), reads(I64), reads(I32, 2), reads(I32), reads(F32), reads(I32)
)
def _share(
    shares: Matrix, of_word: Floats, columns: NDArray[np.int64], starts: NDArray[np.int64], cards: NDArray[np.int32],
    owned: Rows, weights: Floats, rows: Rows,
) -> None:  # fmt: skip
    """`of_word`: zeros, those for the words of fact f from starts[f] on."""
    total = np.float32(1e-30)
    for i in range(len(owned)):
        total += weights[i]
        for fact in range(len(columns)):
            code = cards[owned[i], columns[fact]]
            if code >= 0:
                of_word[starts[fact] + code] += weights[i]
    for i in range(len(rows)):
        for fact in range(len(columns)):
            code = cards[rows[i], columns[fact]]
            share = of_word[starts[fact] + code] / total if code >= 0 else np.float32(0.0)
            shares[fact, i] = min(share, np.float32(1.0))
