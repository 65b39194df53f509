"""The event log on disk: received=YYYY-MM-DD/NAME.parquet, one row per EVENT_COLUMNS key (event_id, line)."""

import os
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from uuid import uuid4

import polars as pl
from polars.exceptions import ComputeError

from features.events.log_names import CountingFiles
from features.events.schema import EVENT_COLUMNS, REQUIRED_COLUMNS, empty_events
from features.settings import Settings
from recommender.errors import InvalidInput

KEY = ("event_id", "line")
_SCHEMA = pl.Schema(EVENT_COLUMNS)
_REPAIR = "Restore the file from a backup, or move it out of the event log; the other files are not affected."


def scan_events(settings: Settings, *, synthetic: bool = False, since: date | None = None) -> pl.LazyFrame:
    """Read the log lazily, in no particular order, with all EVENT_COLUMNS.

    Args:
        settings: names the data folder.
        synthetic: also return the simulator's rows.
        since: open no file of an earlier day of receipt; None: read all of it.

    Raises:
        InvalidInput: a file is truncated, is no Parquet file, or has other columns.
    """
    files = log_files(settings, since)
    for file in files:
        _check(file)
    if not files:
        return empty_events().lazy()
    events = pl.scan_parquet(files, schema=_SCHEMA, hive_partitioning=False)
    return events if synthetic else events.filter(~pl.col("synthetic"))


def log_files(settings: Settings, since: date | None = None) -> list[Path]:
    """The files that make up the log, by day of receipt from `since` (None: the first); each row is in one of them."""
    return LogFiles(settings).since(since)


class LogFiles:
    """The same for who asks again and again: of files that were there before it looks at those alone that count."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.events_dir
        self._of_day = dict[str, CountingFiles]()

    def since(self, first: date | None) -> list[Path]:
        """The files that make up the log now."""
        days = self._days("" if first is None else f"received={first}")
        self._of_day = {day: self._of_day.get(day) or CountingFiles() for day in days}
        return [
            self._folder / day / name
            for day, files in self._of_day.items()
            for name in files.among(parquet_names(self._folder / day))
        ]

    def _days(self, first: str) -> list[str]:
        try:
            names = _names(self._folder)
        except FileNotFoundError:  # nothing was ever written
            return []
        return sorted(name for name in names if name.startswith("received=") and name >= first)


def parquet_names(folder: Path) -> list[str]:
    """Names of the files of one day, in no particular order, also of those that others have taken the place of."""
    return [name for name in _names(folder) if name.endswith(".parquet")]


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:  # a Path each would take nearly twice as long
        return [entry.name for entry in entries]


def write_events(settings: Settings, frame: pl.DataFrame, name: str) -> list[Path]:
    """Add events to the log as one file `name`.parquet per day of receipt, and return these files.

    All files are written beside and synced before the first is renamed, so that an error leaves nothing behind. A file
    of the same name and day is replaced: who writes the same rows under the same name again changes nothing, even if
    two do so at once.

    Raises:
        InvalidInput: `frame` has other columns than EVENT_COLUMNS, or a null where REQUIRED_COLUMNS allow none.
        OSError: the disk is full, or the folder cannot be written.
    """
    _check_frame(frame)
    days = frame.with_columns(_day=pl.col("received_at").dt.date()).partition_by(
        "_day", as_dict=True, include_key=False
    )
    settings.events_dir.mkdir(parents=True, exist_ok=True)
    written: dict[Path, Path] = {}
    try:
        for (day,), rows in sorted(days.items()):
            folder = settings.events_dir / f"received={day}"
            folder.mkdir(exist_ok=True)
            target = folder / f"{name}.parquet"
            beside = target.with_suffix(f".{uuid4().hex}.partial")
            written[beside] = target
            rows.write_parquet(beside, compression="zstd")
            sync(beside)
    except ComputeError as error:  # Polars says so of a disk that fills up in the midst of a file
        for beside in written:
            beside.unlink(missing_ok=True)
        raise OSError(f"{settings.events_dir} cannot be written: {error}") from error
    except BaseException:
        for beside in written:
            beside.unlink(missing_ok=True)
        raise
    for beside, target in written.items():
        beside.replace(target)
    sync_all({target.parent for target in written.values()} | {settings.events_dir})
    return list(written.values())


def remove_events(settings: Settings, name: str) -> int:
    """Take all files called `name`.parquet out of the log, and return how many there were."""
    files = list(settings.events_dir.glob(f"received=*/{name}.parquet"))
    for file in files:
        file.unlink()
    sync_all({file.parent for file in files})
    return len(files)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(paths: Iterable[Path]) -> None:
    """`sync` of each."""
    for path in paths:
        sync(path)


def _check(file: Path) -> None:
    try:
        found = pl.read_parquet_schema(file)
    except (ComputeError, OSError) as error:
        raise InvalidInput(f"{file} is truncated or is no Parquet file: {error}", remedy=_REPAIR) from error
    if found != _SCHEMA:
        different = sorted({*found.items()} ^ {*_SCHEMA.items()}, key=str)
        raise InvalidInput(f"{file} is no file of the event log: other columns {different}", remedy=_REPAIR)


def _check_frame(frame: pl.DataFrame) -> None:
    if frame.schema != _SCHEMA:
        different = sorted({name for name, _ in {*frame.schema.items()} ^ {*_SCHEMA.items()}})
        raise InvalidInput(f"events have other columns or types than the log, or another order: {different}")
    nulls = frame.select(pl.col(REQUIRED_COLUMNS).null_count()).row(0, named=True)
    missing = [name for name, count in nulls.items() if count]
    if missing:
        raise InvalidInput(f"events lack a value in {', '.join(missing)}", field=missing[0])
