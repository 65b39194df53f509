"""Ordering candidates by what several sources say, without a learned ranker."""

from recommender.arrays import Matrix, Scores

DAMPING = 60.0  # in ranks; larger trusts the top of a list less


def fuse(ranks: Matrix, damping: float = DAMPING) -> Scores:
    """Score candidates by reciprocal rank fusion.

    Args:
        ranks: (n_sources, n) 1 / rank, 0 for a candidate that the source does not propose.
        damping: in ranks, above 0.

    Returns:
        (n,) float32, higher is better; 0 for a candidate of no source.

    Raises:
        ValueError: `damping` is not above 0.

    Source: Cormack, Clarke & Buettcher, SIGIR 2009, doi:10.1145/1571941.1572114.
    """
    if damping <= 0:
        raise ValueError(f"damping must be above 0, got {damping}")
    return (ranks / (damping * ranks + 1.0)).sum(axis=0)  # 1 / (damping + rank), and 0 stays 0
