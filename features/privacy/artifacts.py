"""Takes people out of the artifacts that are kept: out of what serves, and of all that one could go back to."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from features.artifact import files
from features.artifact.manifest import MANIFEST, file_entry, manifest_json, read_manifest
from features.artifact.shelf import POINTER, ArtifactShelf
from features.artifact.write import sync_all
from features.offline.histories import without_users
from features.settings import Settings
from recommender.errors import BrokenArtifact
from recommender.ids import UserId
from recommender.model import Histories

CLEANED, UNCLEANED = ".cleaned", ".uncleaned"  # ends of the names of what an erasure writes, and what it replaces


def erase_from_artifacts(settings: Settings, is_erased: Callable[[UserId], bool]) -> int:
    """Rewrite every artifact that has the history of somebody erased; returns how many of their histories there were.

    What serves is taken up again by the running services. Cut off anywhere, it is repeated.

    Raises:
        OSError: an artifact cannot be written; it stays as it was, and who is suppressed is not served from it.
    """
    shelf, count, rewritten = ArtifactShelf(settings.artifacts_dir), 0, False
    _restore(settings.artifacts_dir)
    for folder in _artifacts(settings.artifacts_dir):
        found = _clean(folder, is_erased)
        count, rewritten = count + found, rewritten or found > 0
    if rewritten and (current := shelf.current_id()) is not None:
        shelf.point_to(current)
    return count


def _clean(folder: Path, is_erased: Callable[[UserId], bool]) -> int:
    users = pl.read_parquet(folder / files.USERS)
    erased = {UserId(user) for user in users["user_id"].to_list() if is_erased(UserId(user))}
    if not erased:
        return 0
    try:
        manifest = read_manifest(folder)
    except BrokenArtifact:
        shutil.rmtree(folder)  # it can be neither served nor mended
        return len(erased)
    position_of = {UserId(user): position for user, position in users.select("user_id", "position").iter_rows()}
    arrays = {name: files.read_array(folder, files.array_file("histories", name)) for name in files.HISTORIES_ARRAYS}
    histories = without_users(Histories(cut_day=manifest.cut_day, position_of=position_of, **arrays), erased)
    beside = folder.with_name(f".{folder.name}{CLEANED}")
    beside.mkdir()
    rewritten = {files.USERS, MANIFEST, *(files.array_file("histories", name) for name in files.HISTORIES_ARRAYS)}
    for file in folder.iterdir():
        if file.name not in rewritten:
            os.link(file, beside / file.name)
    files.write_users(beside, histories)
    for name in files.HISTORIES_ARRAYS:
        np.save(beside / files.array_file("histories", name), getattr(histories, name))
    entries = {name: file_entry(beside / name) if name in rewritten else kept for name, kept in manifest.files.items()}
    counts = {**manifest.counts, "shoppers": len(histories.n_baskets), "shoppers_erased_since": 0}
    counts["shoppers_erased_since"] = manifest.counts.get("shoppers_erased_since", 0) + len(erased)
    (beside / MANIFEST).write_text(manifest_json(replace(manifest, files=entries, counts=counts)), encoding="utf-8")
    sync_all([*(beside / name for name in rewritten), beside])
    old = folder.with_name(f".{folder.name}{UNCLEANED}")
    folder.rename(old)
    beside.rename(folder)
    sync_all([folder.parent])
    shutil.rmtree(old)
    return len(erased)


def _artifacts(folder: Path) -> list[Path]:
    return sorted(one for one in folder.glob("*") if not one.name.startswith(".") and (one / files.USERS).exists())


def _restore(folder: Path) -> None:
    """Go on from where an erasure, or a publication, was killed between its two renames."""
    for old in folder.glob(f".*{UNCLEANED}"):
        artifact = folder / old.name.removeprefix(".").removesuffix(UNCLEANED)
        new = folder / f".{artifact.name}{CLEANED}"
        if not artifact.exists():
            (new if new.exists() else old).rename(artifact)  # the first rename comes after all is on disk
        shutil.rmtree(old, ignore_errors=True)
    for left in folder.glob(f".*{CLEANED}"):
        shutil.rmtree(left)
    for left in folder.glob(".*.replaced"):
        if (folder / left.name.removeprefix(".").removesuffix(".replaced")).exists():
            shutil.rmtree(left, ignore_errors=True)


def stamp_of(settings: Settings) -> tuple[int, ...]:
    """What changes when an artifact is added to the shelf, or the pointer moves."""
    try:
        return tuple(
            sorted(
                one.stat().st_mtime_ns
                for one in settings.artifacts_dir.iterdir()
                if one.name == POINTER or one.is_dir()
            )
        )
    except OSError:
        return ()
