"""Names of the files in an artifact, and how values of the model map to them."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recommender.arrays import Rows
from recommender.catalogue import CatalogueItem
from recommender.model import Histories
from recommender.retrieval.session_index import SessionIndex

ITEMS = "items.parquet"
EMBEDDINGS = "embeddings.npy"
FOLD_IN = "fold_in.npy"
INDEX = "index.faiss"
USERS = "histories.users.parquet"
POPULAR_BY_CATEGORY = "popularity.by_category.parquet"
POPULAR_BY_STORE = "popularity.by_store.parquet"
RESPONSE = "response.npz"
RANKER_SUFFIX = ".ranker.npz"

NEIGHBOURS_ARRAYS = ("offsets", "rows", "scores")
SESSIONS_ARRAYS = tuple(field.name for field in fields(SessionIndex))
RHYTHM_ARRAYS = ("gap_days", "repeat_share")
POPULARITY_ARRAYS = ("overall", "recent", "weekly", "trend", "tried", "ranking", "trending")
HISTORIES_ARRAYS = (
    "offsets", "rows", "baskets", "decayed_short", "decayed_long", "first_day", "last_day", "n_baskets",
    "first_basket_day", "coupons_redeemed", "coupons_expected",
)  # fmt: skip

_ITEM_TYPES: dict[str, pl.DataType] = {
    "item_number": pl.Int64(),
    "price": pl.Int64(),
    "stock": pl.Int64(),
    "min_age": pl.Int64(),
    "added_day": pl.Float64(),
    "margin": pl.Float64(),
    "hidden": pl.Boolean(),
}
ITEM_SCHEMA: dict[str, pl.DataType] = {
    field.name: _ITEM_TYPES.get(field.name, pl.String()) for field in fields(CatalogueItem)
}


def array_file(group: str, name: str) -> str:
    """Name of the file of one array of a part of the model."""
    return f"{group}.{name}.npy"


def read_array(folder: Path, name: str) -> NDArray[Any]:
    """Map an array into memory, read-only; only what is used is read from disk."""
    # A plain view of the map: slices of the subclass cost microseconds each.
    return np.asarray(np.load(folder / name, mmap_mode="r", allow_pickle=False))


def write_rows_by_key(file: Path, rows: dict[str, Rows]) -> None:
    """Write lists of item rows by key."""
    listed = {"key": list(rows), "rows": [part.tolist() for part in rows.values()]}
    pl.DataFrame(listed, schema={"key": pl.String(), "rows": pl.List(pl.Int32())}).write_parquet(file)


def read_rows_by_key(file: Path) -> dict[str, Rows]:
    """Read lists of item rows by key."""
    frame = pl.read_parquet(file)
    return {key: np.array(rows, dtype=np.int32) for key, rows in frame.iter_rows()}


def write_users(folder: Path, histories: Histories) -> None:
    """Write whose history is where."""
    listed = {"user_id": list(histories.position_of), "position": list(histories.position_of.values())}
    pl.DataFrame(listed, schema={"user_id": pl.String(), "position": pl.Int32()}).write_parquet(folder / USERS)
