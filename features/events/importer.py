"""Brings a retailer's file of events into the log: every row checked, all or nothing, and any number of times."""

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from features.events.log import KEY, scan_events, write_events
from features.events.parse import parse_events
from features.events.schema import EVENT_COLUMNS, empty_events
from features.import_file import ImportReport
from features.imports.rejected import RejectedRows
from features.imports.rows import read_rows
from features.privacy.cleaner import read_cleaner
from features.privacy.log import changing_log
from features.privacy.rows import RowCleaner
from features.progress import ProgressReport, Step
from features.settings import Settings


def import_events(
    settings: Settings, file: Path, progress: ProgressReport, *, now: datetime | None = None
) -> ImportReport:
    """Add the events of a CSV, JSONL or Parquet file to the log.

    A row counts as a duplicate when the log, or an earlier row of the file, has its (event_id, line). Rows that do not
    fit are written beside the file with the reason. Nothing enters the log before the whole file has been read; an
    import that is cut short is completed by running it again.

    What names people who were erased does not enter: their order lines come as lines of accounts, of nobody, and the
    rest is counted as suppressed.

    Args:
        settings: names the data folder.
        file: docs/formats.md describes its columns.
        progress: where the steps show.
        now: later events are refused; None: this machine's clock.

    Raises:
        InvalidInput: the file cannot be read or has other columns, or a file of the log is damaged.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(prefix="import-", dir=settings.data_dir) as folder,
        RejectedRows(file, list(EVENT_COLUMNS)) as rejected,
    ):
        with progress.step(f"Reading {file.name}") as step:
            valid = _stage(file, Path(folder), rejected, now or datetime.now(UTC), step)
        with progress.step("Writing the event log"), changing_log(settings):
            fresh, suppressed = _fresh(settings, Path(folder), read_cleaner(settings))
            if fresh.height > 0:
                write_events(settings, fresh, _name(fresh))
        return ImportReport(
            accepted=fresh.height,
            duplicates=valid - fresh.height - suppressed,
            rejected=rejected.count,
            rejected_file=rejected.keep(),
            suppressed=suppressed,
        )


def _stage(file: Path, folder: Path, rejected: RejectedRows, now: datetime, step: Step) -> int:
    """Check all rows, and write those that fit into `folder`; returns how many do."""
    valid = 0
    for number, chunk in enumerate(read_rows(file, list(EVENT_COLUMNS))):
        events, reasons = parse_events(chunk.texts, now)
        reasons = chunk.broken.zip_with(chunk.broken.is_not_null(), reasons)
        fitting = events.filter(reasons.is_null())
        fitting.write_parquet(folder / f"{number:06}.parquet")
        for index in reasons.is_not_null().arg_true():
            rejected.add(chunk.first_row + index, chunk.row(index), reasons[index])
        valid += fitting.height
        step.advance(events.height)
    return valid


def _fresh(settings: Settings, folder: Path, cleaner: RowCleaner) -> tuple[pl.DataFrame, int]:
    """The staged events that the log does not have, each once, by time; and how many must not be kept at all."""
    staged = sorted(folder.glob("*.parquet"))
    if not staged:
        return empty_events(), 0
    known = scan_events(settings, synthetic=True).select(KEY)
    events = pl.scan_parquet(staged).unique(KEY, keep="first", maintain_order=True).collect()
    cleaned = cleaner.clean(events)
    fresh = cleaned.lazy().join(known, on=KEY, how="anti").sort("occurred_at", *KEY).collect()
    return fresh, events.height - cleaned.height


def _name(events: pl.DataFrame) -> str:
    """A file name that no other set of events gets, so that no import ever replaces the file of another one."""
    digest = sha256()
    for event_id, line in events.select(KEY).iter_rows():
        digest.update(f"{event_id}\0{line}\0".encode())
    return f"import-{digest.hexdigest()[:16]}"
