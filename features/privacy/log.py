"""Takes people out of the event log: files rewritten one by one, each by one rename."""

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import polars as pl

from features.events.log import KEY, log_files, sync, sync_all
from features.events.schema import EVENT_COLUMNS
from features.online.keys import SEEN_SECONDS, TRACE_SECONDS
from features.privacy.rows import ACCOUNTS, NAMING, RowCleaner
from features.settings import Settings

STALE = timedelta(minutes=10)  # of a half-written file that no living process writes on


class LogInUse(Exception):
    """Another process adds a file to the log; try again in a moment."""


@dataclass(kw_only=True)
class ErasedFromLog:
    """What was taken out of the log.

    Attributes:
        removed, kept_as_accounts, scrubbed: rows; the last are of others, and named the person beside them.
        files: that were rewritten.
        renamed: new names of recent events by their old ones; lists that were served lately (ids).
    """

    removed: int = 0
    kept_as_accounts: int = 0
    scrubbed: int = 0
    files: int = 0
    renamed: dict[str, str] = field(default_factory=dict[str, str])
    forgotten: list[str] = field(default_factory=list[str])
    lists: list[str] = field(default_factory=list[str])


@contextmanager
def changing_log(settings: Settings, *, wait: bool = True) -> Generator[None]:
    """Held while files are added to the log outside the drain, or rewritten; raises LogInUse instead of waiting."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with (settings.data_dir / "events.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LogInUse from None
        yield


def erase_from_log(settings: Settings, cleaner: RowCleaner, now: datetime) -> ErasedFromLog:
    """Rewrite every file that names somebody erased. Cut off anywhere, it is repeated.

    Only who drains calls this, between two ranges, so that no file is merged or written meanwhile.

    Raises:
        LogInUse: an import adds to the log.
        OSError: the log cannot be written; what was rewritten stays so.
    """
    erased = ErasedFromLog()
    with changing_log(settings, wait=False):
        _drop_half_written(settings, now)
        counting = set(log_files(settings))
        files = sorted(settings.events_dir.glob("received=*/*.parquet"))
        orders: set[str] = set()
        for file in files:
            orders |= _clean(file, cleaner, now, erased, counts=file in counting)
        if orders:
            for file in files:
                _rename_orders(file, cleaner, orders)
    return erased


def _clean(file: Path, cleaner: RowCleaner, now: datetime, erased: ErasedFromLog, *, counts: bool) -> set[str]:
    """Clean one file; returns ids of the orders that were made lines of accounts."""
    mask = cleaner.naming_erased(pl.read_parquet(file, columns=list(NAMING)))
    if not mask.any():
        return set()
    frame = pl.read_parquet(file)
    before = frame.filter(mask).to_dicts()
    pairs = [(row, cleaner.clean_row(row)) for row in before]
    kept = [new for _, new in pairs if new is not None]
    cleaned = pl.DataFrame(kept, schema=EVENT_COLUMNS, orient="row")
    _replace(file, pl.concat([frame.filter(~mask), cleaned]).unique(KEY, keep="first", maintain_order=True))
    orders: set[str] = set()
    for old, new in pairs:
        is_renamed = new is not None and new["event_id"] != old["event_id"]
        if counts:
            erased.removed += new is None
            erased.kept_as_accounts += is_renamed
            erased.scrubbed += new is not None and not is_renamed
        if is_renamed and old["order_id"] is not None:
            orders.add(old["order_id"])
        _note_recent(old, new, now, erased)
    erased.files += counts
    return orders


def _note_recent(old: dict[str, object], new: dict[str, object] | None, now: datetime, erased: ErasedFromLog) -> None:
    received_at = old["received_at"]
    if not isinstance(received_at, datetime) or now - received_at > timedelta(seconds=SEEN_SECONDS):
        return
    if new is None:
        erased.forgotten.append(str(old["event_id"]))
    elif new["event_id"] != old["event_id"]:
        erased.renamed[str(old["event_id"])] = str(new["event_id"])
    if old["recommendation_id"] is not None and now - received_at < timedelta(seconds=2 * TRACE_SECONDS):
        erased.lists.append(str(old["recommendation_id"]))


def _rename_orders(file: Path, cleaner: RowCleaner, orders: set[str]) -> None:
    """Rows that name nobody and take back an order which was renamed still find it."""
    nobody = pl.all_horizontal(pl.col(name).is_null() for name in NAMING)
    theirs = nobody & pl.col("event").is_in(list(ACCOUNTS)) & pl.col("order_id").is_in(sorted(orders))
    if not pl.scan_parquet(file).select(theirs.fill_null(value=False).any()).collect().item():
        return
    names = {order: cleaner.pseudonym("order", order) for order in orders}
    renamed = pl.when(theirs).then(pl.col("order_id").replace(names)).otherwise(pl.col("order_id"))
    _replace(file, pl.read_parquet(file).with_columns(order_id=renamed))


def _replace(file: Path, frame: pl.DataFrame) -> None:
    """Write a file anew under its name, or remove it if nothing is left; readers see the one or the other whole."""
    beside = file.with_suffix(f".{uuid4().hex}.partial")
    try:
        frame.write_parquet(beside, compression="zstd")
        sync(beside)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
    sync_all([file.parent])


def _drop_half_written(settings: Settings, now: datetime) -> None:
    """What processes left that were killed while they wrote: it may hold anybody's rows."""
    left = [*settings.events_dir.glob("received=*/*.partial"), *settings.data_dir.glob("import-*/*.parquet")]
    for file in left:
        if now.timestamp() - file.stat().st_mtime > STALE.total_seconds():
            file.unlink(missing_ok=True)
