"""Writing an artifact into a folder of its own, beside those that serve."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from features.artifact import files
from features.artifact.manifest import MANIFEST, Manifest, file_entry, manifest_json
from recommender.catalogue import CatalogueItem
from recommender.model import Model
from recommender.offers.response_model import ResponseModel
from recommender.ranking.trees import Trees
from recommender.retrieval.index import serialise


def write_artifact(folder: Path, model: Model, items: Sequence[CatalogueItem], manifest: Manifest) -> Manifest:
    """Write all files and, last, the manifest with their hashes; everything is on disk when this returns.

    Args:
        folder: is made; must not exist.
        items: row r is the r-th, as many as the model has.
        manifest: without `files`.

    Returns:
        The manifest as written.
    """
    folder.mkdir(parents=True)
    _write_items(folder, items)
    np.save(folder / files.EMBEDDINGS, model.embeddings)
    np.save(folder / files.FOLD_IN, model.fold_in.inverse)
    (folder / files.INDEX).write_bytes(serialise(model.index))
    _write_arrays(folder, "neighbours", model.neighbours, files.NEIGHBOURS_ARRAYS)
    _write_arrays(folder, "bought_together", model.bought_together, files.NEIGHBOURS_ARRAYS)
    _write_arrays(folder, "followers", model.followers, files.NEIGHBOURS_ARRAYS)
    _write_arrays(folder, "rhythm", model.rhythm, files.RHYTHM_ARRAYS)
    _write_arrays(folder, "popularity", model.popularity, files.POPULARITY_ARRAYS)
    _write_arrays(folder, "histories", model.histories, files.HISTORIES_ARRAYS)
    if model.sessions is not None:
        _write_arrays(folder, "sessions", model.sessions, files.SESSIONS_ARRAYS)
    files.write_rows_by_key(folder / files.POPULAR_BY_CATEGORY, dict(model.popularity.by_category))
    files.write_rows_by_key(
        folder / files.POPULAR_BY_STORE, {str(store): rows for store, rows in model.popularity.by_store.items()}
    )
    files.write_users(folder, model.histories)
    for name, trees in model.rankers.items():
        _write_values(folder / f"{name}{files.RANKER_SUFFIX}", trees)
    if model.response is not None:
        _write_values(folder / files.RESPONSE, model.response)
    written = sorted(folder.iterdir())
    complete = replace(manifest, files={file.name: file_entry(file) for file in written})
    (folder / MANIFEST).write_text(manifest_json(complete), encoding="utf-8")
    sync_all([*written, folder / MANIFEST, folder])
    return complete


def sync_all(paths: Iterable[Path]) -> None:
    """Wait until files and folders are on disk."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write_items(folder: Path, items: Sequence[CatalogueItem]) -> None:
    columns = {name: [getattr(item, name) for item in items] for name in files.ITEM_SCHEMA}
    pl.DataFrame(columns, schema=files.ITEM_SCHEMA).write_parquet(folder / files.ITEMS, compression="zstd")


def _write_arrays(folder: Path, group: str, part: object, names: Sequence[str]) -> None:
    for name in names:
        np.save(folder / files.array_file(group, name), getattr(part, name))


def _write_values(file: Path, part: Trees | ResponseModel) -> None:
    arrays: dict[str, Any] = {field.name: np.asarray(getattr(part, field.name)) for field in fields(part)}
    np.savez(file, **arrays)
