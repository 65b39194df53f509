"""Sessions as lists of items in order, and the index in which they are looked up."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from features.definitions import SESSION_PAUSE_DAYS
from features.offline.numbers import distinct
from recommender.arrays import Floats, Matrix, Offsets, Rows
from recommender.retrieval.session_index import SessionIndex
from training.config import SessionsConfig
from training.models.directions import directions

RECENT_SHARE = 30  # one in so many sessions, the latest, count as recent
SHRINKAGE = 5.0  # added to the sum that shares are of


@dataclass(frozen=True, slots=True)
class Sessions:
    """Items in the order in which they were looked at (CSR by session), the oldest session first."""

    offsets: Offsets
    rows: Rows

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def part(self, start: int, end: int) -> "Sessions":
        """Sessions start .. end - 1."""
        offsets = self.offsets[start : end + 1]
        return Sessions(offsets - offsets[0], self.rows[offsets[0] : offsets[-1]])

    def of_items(self) -> NDArray[np.int32]:
        """(len(rows),) the session of each entry."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.offsets))


def sessions_of(touches: pl.DataFrame) -> Sessions:
    """Cut what shoppers touched into sessions of two touches or more, by the pause that ends one when served.

    In: user_id str, item_row i32, day f64 (days since 1970-01-01 UTC); any order.
    """
    kept = touches.sort("user_id", "day", "item_row")
    begins = ((pl.col("user_id") != pl.col("user_id").shift()) | (pl.col("day").diff() > SESSION_PAUSE_DAYS)).fill_null(
        value=True
    )
    numbered = kept.select("item_row", "day", session=begins.cum_sum())
    length = pl.len().over("session")
    ordered = numbered.filter(length > 1).with_columns(end=pl.col("day").max().over("session"))
    ordered = ordered.sort("end", "session", "day", maintain_order=True)
    sizes = ordered.group_by("session", maintain_order=True).len()["len"].to_numpy()
    return Sessions(starts(sizes), ordered["item_row"].to_numpy().astype(np.int32))


def fit_sessions(sessions: Sessions, n_items: int, config: SessionsConfig, seed: int) -> SessionIndex:
    """Lay sessions out for looking them up, and learn the rules of what comes after what."""
    of_items = sessions.of_items()
    item_offsets, latest = latest_sessions(sessions, of_items, n_items, config.latest_of_item)
    followed = rules_of(sessions, of_items, n_items, config.reach)
    after, before = _best_shares(followed, config.kept), _best_shares(csr_matrix(followed.T), config.kept)
    return SessionIndex(
        offsets=sessions.offsets,
        rows=sessions.rows,
        item_offsets=item_offsets,
        sessions=latest,
        after_offsets=after.offsets,
        after_rows=after.rows,
        after_shares=after.shares,
        before_offsets=before.offsets,
        before_rows=before.rows,
        before_shares=before.shares,
        facts=_facts(sessions, of_items, n_items),
        vectors=directions(followed, config.factors, seed),
    )


def starts(sizes: NDArray[np.integer]) -> Offsets:
    """CSR offsets of parts of these sizes."""
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)


def latest_sessions(sessions: Sessions, of_items: Rows, n_items: int, kept: int) -> tuple[Offsets, Rows]:
    """The latest sessions with each item, ascending, CSR by item."""
    pairs = distinct(sessions.rows.astype(np.int64) * len(sessions) + of_items)
    items, holders = pairs // len(sessions), (pairs % len(sessions)).astype(np.int32)
    counts = np.bincount(items, minlength=n_items)
    from_end = starts(counts)[items + 1] - np.arange(len(items))  # 1 for the latest of an item
    return starts(np.minimum(counts, kept)), holders[from_end <= kept]


def rules_of(sessions: Sessions, of_items: Rows, n_items: int, reach: int) -> csr_matrix:
    """(n_items, n_items) float32: sum of 1 / distance over all times that the column's item came after the row's."""
    total = csr_matrix((n_items, n_items), dtype=np.float32)
    for distance in range(1, reach + 1):
        together = np.flatnonzero(of_items[:-distance] == of_items[distance:])
        pairs = sessions.rows[together], sessions.rows[together + distance]
        weight = np.full(len(together), 1.0 / distance, dtype=np.float32)
        total = total + csr_matrix((weight, pairs), shape=(n_items, n_items))
    return csr_matrix(total)


class _Shares(NamedTuple):
    offsets: Offsets
    rows: Rows
    shares: Floats


def _best_shares(weights: csr_matrix, kept: int) -> _Shares:
    """The largest entries of each row, best first, as shares of the row's sum, raised by SHRINKAGE."""
    n_items, _ = weights.get_shape()
    of_rows = np.repeat(np.arange(n_items, dtype=np.int32), np.diff(weights.indptr))
    sums = np.bincount(of_rows, weights.data, minlength=n_items) + SHRINKAGE
    shares = (weights.data / sums[of_rows]).astype(np.float32)
    order = np.lexsort((weights.indices, -shares, of_rows))
    best = order[np.arange(len(order)) - weights.indptr[of_rows] < kept]
    offsets = starts(np.minimum(np.diff(weights.indptr), kept))
    return _Shares(offsets, weights.indices[best].astype(np.int32), shares[best])


def _facts(sessions: Sessions, of_items: Rows, n_items: int) -> Matrix:
    """As `SessionIndex.facts`."""
    n_sessions = len(sessions)
    pairs = distinct(sessions.rows.astype(np.int64) * n_sessions + of_items)
    items, holders = pairs // n_sessions, pairs % n_sessions
    of_all = np.bincount(items, minlength=n_items)
    recent = np.bincount(items[holders >= n_sessions - max(n_sessions // RECENT_SHARE, 1)], minlength=n_items)
    newest = np.zeros(n_items)
    np.maximum.at(newest, items, holders + 1)
    rarity = np.log((n_sessions + 1) / (of_all + 1))
    columns = (np.log1p(of_all), np.log1p(recent), 1.0 - newest / n_sessions, rarity)
    return np.ascontiguousarray(np.column_stack(columns), dtype=np.float32)
