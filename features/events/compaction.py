"""Merges the small files of the log, without a moment at which a reader finds a row twice or not at all.

A merged file carries the whole range of what it holds in its name; from its rename on, readers leave out the files
within that range (`log_names.split_merged`). These are removed only LINGER later, for readers that have listed them.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from uuid import uuid4

import polars as pl

from features.events.log import parquet_names, sync, sync_all
from features.events.log_names import StreamRange, is_merged, range_of, split_merged
from features.settings import Settings

SMALL_BYTES = 16_000_000  # of a file of the day that is still going on
FILES_TO_MERGE = 32
LARGEST_BYTES = 256_000_000  # of what is merged into one file
LINGER = timedelta(hours=1)

_File = tuple[Path, StreamRange, int]  # with the range that it holds, and its size in bytes


def compact(settings: Settings, now: datetime) -> int:
    """Merge the files of days that are over, and runs of small files of today; returns how many files were merged.

    Only the drain that holds the lease calls this, between two ranges. Cut off anywhere, it is repeated.

    Raises:
        OSError: the log cannot be written; the small files stay.
    """
    n_merged = 0
    for folder in sorted(settings.events_dir.glob("received=*")):
        is_over = folder.name < f"received={(now - LINGER).date()}"
        names, superseded = split_merged(parquet_names(folder))
        for run in _runs(_streamed([folder / name for name in names]), is_over=is_over):
            _merge(folder, run)
            n_merged += len(run)
        holders = {holder for merged in superseded.values() for holder in merged}
        old = {holder for holder in holders if _is_old(folder / holder, now)}
        for name, merged in superseded.items():
            if not old.isdisjoint(merged):
                (folder / name).unlink(missing_ok=True)
        for half_written in folder.glob("*.partial"):
            if _is_old(half_written, now):
                half_written.unlink(missing_ok=True)
    return n_merged


def _streamed(files: list[Path]) -> list[_File]:
    """Files that came from a stream, in its order."""
    held = [(file, place, file.stat().st_size) for file in files if (place := range_of(file.name)) is not None]
    return sorted(held, key=lambda file: (file[1].stream, file[1].first))


def _runs(files: list[_File], *, is_over: bool) -> Iterator[list[_File]]:
    """Neighbours that are worth one file.

    While a day goes on, drained files are merged with drained ones and merged with merged ones, so that no row is
    written again every minute.
    """
    largest, fewest = (LARGEST_BYTES, 2) if is_over else (SMALL_BYTES, FILES_TO_MERGE)

    def kind(file: _File) -> tuple[str, bool, bool]:
        return file[1].stream, file[2] >= largest, not is_over and is_merged(file[0].name)

    for _, of_stream in groupby(files, key=kind):
        run: list[_File] = []
        for file in of_stream:
            if run and sum(size for _, _, size in run) + file[2] > LARGEST_BYTES:
                if len(run) >= fewest:
                    yield run
                run = []
            run.append(file)
        if len(run) >= fewest:
            yield run


def _merge(folder: Path, run: list[_File]) -> None:
    held = StreamRange(run[0][1].stream, run[0][1].first, run[-1][1].last)
    target = folder / f"{held.merged_name}.parquet"
    beside = target.with_suffix(f".{uuid4().hex}.partial")
    try:
        pl.scan_parquet([file for file, _, _ in run]).sink_parquet(beside, compression="zstd")
        sync(beside)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    sync_all([folder])


def _is_old(file: Path, now: datetime) -> bool:
    """Whether who listed the folder before this file was there has long finished reading."""
    return now.timestamp() - file.stat().st_mtime > LINGER.total_seconds()
