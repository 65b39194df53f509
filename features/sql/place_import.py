"""Brings a file of zones and beacons in; rows that do not fit are set aside with the reason."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from features.audit import CLI
from features.identity import read_secret
from features.import_file import REASON, ROW, ImportReport, read_text, write_rejected
from features.progress import ProgressReport
from features.sealing import BEACON_KEYS, sealing
from features.settings import Settings
from features.sql.engine import opened
from features.sql.place_file import COLUMNS, check_rows
from features.sql.place_store import PlaceStore


def import_places(
    settings: Settings, file: Path, progress: ProgressReport, *, now: datetime | None = None
) -> ImportReport:
    """Import zones and beacons. Again changes nothing.

    Raises:
        InvalidInput: the file as a whole cannot be used; nothing was imported.
    """
    now = now or datetime.now(UTC)
    with progress.step(f"Checking {file.name}"):
        rows = read_text(file, COLUMNS, ())
    with opened(settings) as engine:
        store = PlaceStore(engine)
        stated = check_rows(rows, store, sealing(lambda: read_secret(settings), BEACON_KEYS), now)
        rejected = rows.with_columns(
            pl.col(ROW).replace_strict(stated.reasons, default=None, return_dtype=pl.String).alias(REASON)
        )
        rejected_file = write_rejected(file, rejected.filter(pl.col(REASON).is_not_null()))
        with progress.step("Writing zones and beacons"):
            n_changed = store.put_zones([*stated.zones.values()], by=CLI)
            n_changed += store.put_beacons([*stated.placed.values()], now, by=CLI)
    n_stated = len(stated.zones) + len(stated.placed)
    return ImportReport(
        accepted=n_changed, duplicates=n_stated - n_changed, rejected=len(stated.reasons), rejected_file=rejected_file
    )
