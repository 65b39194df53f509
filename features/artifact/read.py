"""Reading an artifact: nothing is believed before its size and hash are as the manifest says."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from features.artifact import files
from features.artifact.manifest import RETRAIN, Manifest, file_entry, read_manifest
from recommender.errors import BrokenArtifact
from recommender.ids import StoreId, UserId
from recommender.item_columns import ItemColumns
from recommender.model import NO_NEIGHBOURS, FoldIn, Histories, Model, Neighbours, Popularity, Rhythm
from recommender.offers.response_features import RESPONSE_FEATURES
from recommender.offers.response_model import ResponseModel
from recommender.ranking.candidate_features import FEATURES
from recommender.ranking.trees import Trees
from recommender.retrieval.index import deserialise
from recommender.retrieval.session_index import SessionIndex


@dataclass(frozen=True, slots=True)
class LoadedArtifact:
    """An artifact in memory; row r of the model is `items[r]`."""

    model: Model
    items: ItemColumns
    manifest: Manifest


def load_artifact(path: Path) -> LoadedArtifact:
    """Load and verify an artifact; its large arrays are memory-mapped.

    Raises:
        BrokenArtifact: a file is missing, damaged or does not fit the others; the message names it.
    """
    manifest = read_manifest(path)
    for name, entry in manifest.files.items():
        _verify(path / name, entry.size, entry.sha256)
    try:
        items = _read_items(path)
        model = _read_model(path, manifest)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, pl.exceptions.PolarsError) as error:
        raise BrokenArtifact(f"{path} cannot be loaded: {error}", remedy=RETRAIN) from error
    if len(items) != model.n_items:
        message = f"{path / files.ITEMS} has {len(items)} items, the embeddings {model.n_items}."
        raise BrokenArtifact(message, remedy=RETRAIN)
    return LoadedArtifact(model, items, manifest)


def _verify(file: Path, size: int, sha256: str) -> None:
    if not file.exists():
        raise BrokenArtifact(f"{file} is missing.", remedy=RETRAIN)
    found = file.stat().st_size
    if found != size:
        raise BrokenArtifact(f"{file} has {found} bytes, its manifest says {size}.", remedy=RETRAIN)
    if file_entry(file).sha256 != sha256:
        raise BrokenArtifact(f"{file} is not what was written: its SHA-256 differs.", remedy=RETRAIN)


def _read_items(path: Path) -> ItemColumns:
    """Read column by column, so that the file never lies in memory as a whole."""
    file = path / files.ITEMS
    there = pl.read_parquet_schema(file)

    def column(name: str) -> list[Any]:
        if name == "margin" and name not in there:  # in earlier artifacts
            return [None] * len(column("hidden"))
        return pl.read_parquet(file, columns=[name])[name].to_list()

    return ItemColumns(column)


def _read_model(path: Path, manifest: Manifest) -> Model:
    return Model(
        version=manifest.artifact_id,
        cut_day=manifest.cut_day,
        embeddings=files.read_array(path, files.EMBEDDINGS),
        index=deserialise((path / files.INDEX).read_bytes(), manifest.index.kind),
        fold_in=_read_fold_in(path, manifest.inputs),
        neighbours=Neighbours(**_arrays(path, "neighbours", files.NEIGHBOURS_ARRAYS)),
        bought_together=Neighbours(**_arrays(path, "bought_together", files.NEIGHBOURS_ARRAYS)),
        rhythm=Rhythm(**_arrays(path, "rhythm", files.RHYTHM_ARRAYS)),
        popularity=_read_popularity(path),
        histories=_read_histories(path, manifest.cut_day),
        rankers=_read_rankers(path, manifest.inputs),
        followers=_read_followers(path),
        response=_read_response(path),
        sessions=_read_sessions(path),
    )


def _read_fold_in(path: Path, inputs: Mapping[str, object]) -> FoldIn:
    alpha, regularization = (_number(inputs, "config", "embedding", name) for name in ("alpha", "regularization"))
    try:
        exponent = _number(inputs, "config", "embedding", "exponent")
    except KeyError:  # artifacts of before it was a setting
        exponent = 0.0
    return FoldIn(files.read_array(path, files.FOLD_IN), alpha, regularization, exponent)


def _read_sessions(path: Path) -> SessionIndex | None:
    if not (path / files.array_file("sessions", "offsets")).exists():
        return None
    return SessionIndex(**_arrays(path, "sessions", files.SESSIONS_ARRAYS))


def _read_popularity(path: Path) -> Popularity:
    by_store = files.read_rows_by_key(path / files.POPULAR_BY_STORE)
    counted = (path / files.array_file("popularity", "tried")).exists()  # not in earlier artifacts
    names = files.POPULARITY_ARRAYS if counted else tuple(name for name in files.POPULARITY_ARRAYS if name != "tried")
    arrays = _arrays(path, "popularity", names)
    arrays.setdefault("tried", np.zeros_like(arrays["overall"]))
    return Popularity(
        **arrays,
        by_category=files.read_rows_by_key(path / files.POPULAR_BY_CATEGORY),
        by_store={StoreId(store): rows for store, rows in by_store.items()},
    )


def _read_histories(path: Path, cut_day: float) -> Histories:
    users = pl.read_parquet(path / files.USERS)
    return Histories(
        cut_day=cut_day,
        position_of={UserId(user): position for user, position in users.select("user_id", "position").iter_rows()},
        **_arrays(path, "histories", files.HISTORIES_ARRAYS),
    )


def _read_followers(path: Path) -> Neighbours:
    """None in artifacts of before there were any."""
    if not (path / files.array_file("followers", "offsets")).exists():
        return NO_NEIGHBOURS
    return Neighbours(**_arrays(path, "followers", files.NEIGHBOURS_ARRAYS))


def _read_rankers(path: Path, inputs: Mapping[str, object]) -> dict[str, Trees]:
    """Rankers by name; those that learnt from fewer features, or in another order, look at the same ones by name."""
    learnt_from = inputs.get("features", FEATURES)
    if not isinstance(learnt_from, (list, tuple)):
        raise TypeError("the manifest's inputs name no features")
    column = {name: place for place, name in enumerate(FEATURES)}
    missing = sorted({str(name) for name in learnt_from} - column.keys())
    if missing:
        raise ValueError(f"its rankers look at {missing[0]}, which this version does not know")
    columns = np.array([column[name] for name in learnt_from], dtype=np.int32)
    rankers = dict[str, Trees]()
    for file in sorted(path.glob(f"*{files.RANKER_SUFFIX}")):
        with np.load(file, allow_pickle=False) as arrays:
            values: dict[str, Any] = {name: arrays[name] for name in arrays.files}
        trees = Trees(**values)
        rankers[file.name.removesuffix(files.RANKER_SUFFIX)] = replace(trees, feature=columns[trees.feature])
    return rankers


def _read_response(path: Path) -> ResponseModel | None:
    file = path / files.RESPONSE
    if not file.exists():
        return None
    with np.load(file, allow_pickle=False) as arrays:
        model = ResponseModel(float(arrays["intercept"]), arrays["weights"], arrays["means"], arrays["spreads"])
    if any(len(part) != len(RESPONSE_FEATURES) for part in (model.weights, model.means, model.spreads)):
        raise ValueError(f"{files.RESPONSE} was learnt from other features")
    return model


def _arrays(path: Path, group: str, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: files.read_array(path, files.array_file(group, name)) for name in names}


def _number(inputs: object, *keys: str) -> float:
    for key in keys:
        if not isinstance(inputs, dict):
            raise TypeError(f"the manifest's inputs lack {'.'.join(keys)}")
        inputs = inputs[key]
    if not isinstance(inputs, (int, float)):
        raise TypeError(f"{'.'.join(keys)} must be a number")
    return float(inputs)
