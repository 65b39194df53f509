"""Ordering candidates by what several sources say, without a learned ranker."""

from collections.abc import Iterable

import numpy as np

from recommender.arrays import Floats, Scores

DAMPING = 60.0  # in ranks; larger trusts the top of a list less


def reciprocal_ranks(n_proposed: int, damping: float = 0.0) -> Floats:
    """1 / (damping + rank) of ranks 1 to `n_proposed`; `damping` in ranks, at least 0."""
    return (1.0 / (damping + np.arange(1, n_proposed + 1))).astype(np.float32)


def fuse(ranks: Iterable[Floats], n: int, damping: float = DAMPING) -> Scores:
    """Score candidates by reciprocal rank fusion.

    Args:
        ranks: per source, (n,) 1 / rank, 0 for a candidate that it does not propose.
        n: number of candidates.
        damping: in ranks, above 0.

    Returns:
        (n,) float32, higher is better; 0 for a candidate of no source.

    Raises:
        ValueError: `damping` is not above 0.

    Source: Cormack, Clarke & Buettcher, SIGIR 2009, doi:10.1145/1571941.1572114.
    """
    if damping <= 0:
        raise ValueError(f"damping must be above 0, got {damping}")
    scores = np.zeros(n, dtype=np.float32)
    for reciprocal in ranks:
        scores += reciprocal / (damping * reciprocal + 1.0)  # 1 / (damping + rank), and 0 stays 0
    return scores
