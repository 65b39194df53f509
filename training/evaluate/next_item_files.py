"""Sessions out of files of others: those that teach, and the beginnings that are asked about."""

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recommender.arrays import Rows
from recommender.errors import NotEnoughData
from training.evaluate.files import has_column, read_prefixes, read_sessions
from training.models.sessions import Sessions, starts
from training.visits import Beginnings, beginnings, beginnings_of

TEST_SHARE = 0.1  # of the sessions, where no file names the test


@dataclass(frozen=True, slots=True)
class SessionFiles:
    """What teaches and what is asked about, by item row.

    Attributes:
        item_ids: row r is the r-th; those of the sessions that teach and no others.
        asked: what no session that teaches has is left out of a beginning, and has a row that is no item's as target.
    """

    item_ids: list[str]
    sessions: Sessions
    asked: Beginnings


def read_session_files(train: Path, test: Path | None) -> SessionFiles:
    """Read both; without a test, the latest sessions of `train` are it.

    Raises:
        InvalidInput: a file cannot be read. NotEnoughData: no session, or no beginning, is left.
    """
    teaching = read_sessions(train, "train")
    tested = None if test is None else _read_test(test)
    if tested is None:
        cut = len(teaching) - max(int(TEST_SHARE * len(teaching)), 1)
        teaching, tested = teaching[:cut], teaching[cut:]
    item_ids = teaching.explode().unique().sort().drop_nulls().to_list()
    row_of = {item_id: row for row, item_id in enumerate(item_ids)}
    sessions = _sessions(teaching, row_of)
    asked = _known(tested, row_of) if isinstance(tested, pl.DataFrame) else _beginnings(tested, row_of)
    if not len(sessions) or not len(asked):
        message = f"{train} and {test or 'its latest sessions'} leave nothing to learn from, or nothing to ask about."
        raise NotEnoughData(message, remedy="Give sessions of two items or more that share items with the test.")
    return SessionFiles(item_ids, sessions, asked)


def _read_test(test: Path) -> pl.DataFrame | pl.Series:
    """Beginnings as the file has them, else sessions."""
    return read_prefixes(test, "test") if has_column(test, "test", "prefix") else read_sessions(test, "test")


def _rows(lists: pl.Series, row_of: dict[str, int], missing: int) -> tuple[NDArray[np.int64], Rows]:
    """The length of each list, and the rows of all items."""
    sizes = lists.list.len().to_numpy().astype(np.int64)
    rows = lists.explode().replace_strict(row_of, default=missing, return_dtype=pl.Int32())
    return sizes, rows.to_numpy().astype(np.int32)


def _sessions(lists: pl.Series, row_of: dict[str, int]) -> Sessions:
    """Sessions of two items or more."""
    sizes, rows = _rows(lists.filter(lists.list.len() > 1), row_of, -1)
    return Sessions(starts(sizes), rows)


def _beginnings(lists: pl.Series, row_of: dict[str, int]) -> Beginnings:
    """Every beginning of every session."""
    sizes, rows = _rows(lists.filter(lists.list.len() > 1), row_of, len(row_of))
    return beginnings_of(Sessions(starts(sizes), rows)).below(len(row_of))


def _known(prefixes: pl.DataFrame, row_of: dict[str, int]) -> Beginnings:
    """Beginnings as they stand in a file; those of one session follow each other, each one item longer or shorter."""
    sizes, rows = _rows(prefixes["prefix"], row_of, len(row_of))
    targets = prefixes["target"].replace_strict(row_of, default=len(row_of), return_dtype=pl.Int32()).to_numpy()
    whole = [(*items, target) for items, target in zip(prefixes["prefix"], prefixes["target"], strict=True)]
    goes_on = [(first[:-1] == second or second[:-1] == first) for first, second in pairwise(whole)]
    sessions = np.concatenate([[0], np.cumsum(~np.array(goes_on, dtype=np.bool_))]).astype(np.int64)
    offsets = starts(sizes)
    asked = beginnings(offsets, offsets[1:], rows, targets.astype(np.int32), np.arange(len(sizes)))
    return replace(asked, sessions=sessions).below(len(row_of))
