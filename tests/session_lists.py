"""Sessions that tests learn from."""

from collections.abc import Sequence

import numpy as np

from recommender.retrieval.session_index import SessionIndex
from training.config import SessionsConfig
from training.models.sessions import Sessions, fit_sessions, starts

FEW = SessionsConfig(
    min_sessions=10, latest_of_item=500, reach=10, kept=100, factors=4, lesson_share=0.2, lessons=1000,
    min_rows_in_leaf=5,
)  # fmt: skip


def sessions_with(lists: Sequence[Sequence[int]]) -> Sessions:
    """Sessions of these item rows, the oldest first."""
    sizes = np.array([len(items) for items in lists], dtype=np.int64)
    return Sessions(starts(sizes), np.array([row for items in lists for row in items], dtype=np.int32))


def index_of(lists: Sequence[Sequence[int]], n_items: int, config: SessionsConfig = FEW) -> SessionIndex:
    return fit_sessions(sessions_with(lists), n_items, config, seed=0)


def round_trips(rng: np.random.Generator, n_sessions: int, n_items: int) -> list[list[int]]:
    """Sessions in which item i is followed by item i + 1 four times in five, else by any; some look back."""
    lists = list[list[int]]()
    for _ in range(n_sessions):
        items = [int(rng.integers(n_items))]
        for _ in range(int(rng.integers(1, 5))):
            jump = rng.random()
            items.append((items[-1] + 1) % n_items if jump < 0.8 else int(rng.integers(n_items)))
        lists.append(items)
    return lists
