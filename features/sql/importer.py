"""Imports the catalogue and the stores from files: every row is checked, all that fit become visible at once."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import polars as pl

from features.audit import CLI
from features.import_file import REASON, ROW, ImportReport, read_text, write_rejected
from features.progress import ProgressReport
from features.settings import Settings
from features.sql import item_file
from features.sql.catalogue_store import UNNUMBERED, CatalogueStore
from features.sql.engine import opened
from features.sql.place_rows import STORES
from features.sql.place_store import PlaceStore
from features.sql.tables.catalogue import ITEM_FACTS
from recommender.catalogue import CatalogueItem
from recommender.ids import StoreId
from recommender.places.store import Store

STORE_TEXTS = {"store_id": 100, "name": 200, "timezone": 60, "market": 60}
DEGREES = {"latitude": 90, "longitude": 180}  # with how many there are


def import_catalogue(settings: Settings, file: Path, progress: ProgressReport) -> ImportReport:
    """Import items; see docs/formats.md for the columns.

    The first row of an item counts. Facts whose column the file lacks stay as they are; a new item without `added_at`
    was added now. Running it again changes nothing: rows that say what the catalogue says are counted as duplicates.

    Raises:
        InvalidInput: the file as a whole cannot be used; nothing was imported.
        ImportOvertaken: another import began meanwhile; nothing of this one was imported.
    """
    now_day = datetime.now(UTC).timestamp() / 86_400
    with progress.step(f"Checking {file.name}"):
        rows = read_text(file, item_file.COLUMNS, item_file.REQUIRED)
        parsed = item_file.parse_items(rows)
    facts = [name for name in ITEM_FACTS if name in parsed.columns]
    fitting = parsed.filter(pl.col(REASON).is_null()).drop(ROW, REASON)
    items = [_item(row, now_day) for row in fitting.iter_rows(named=True)]
    rejected_file = write_rejected(file, _rejected(rows, parsed))
    with opened(settings) as engine:
        written = CatalogueStore(engine).upsert_many(items, facts=facts, progress=progress, by=CLI)
    return ImportReport(
        accepted=written.n_changed,
        duplicates=len(items) - written.n_changed,
        rejected=len(rows) - len(items),
        rejected_file=rejected_file,
    )


def import_stores(settings: Settings, file: Path, progress: ProgressReport) -> ImportReport:
    """Import stores, under the same rules; all texts are required, and their positions are not.

    What the file cannot say, the opening hours, stays as it was.
    """
    with progress.step(f"Checking {file.name}"):
        rows = read_text(file, (*STORE_TEXTS, *DEGREES), STORE_TEXTS)
        parsed = _parse_stores(rows)
    fitting = parsed.filter(pl.col(REASON).is_null()).drop(ROW, REASON)
    rejected_file = write_rejected(file, _rejected(rows, parsed))
    with opened(settings) as engine:
        store = PlaceStore(engine)
        known = {one.store_id: one for one in store.read_all(STORES)}
        stores = [_store(row, known) for row in fitting.iter_rows(named=True)]
        n_changed = store.put_stores(stores, by=CLI)
    return ImportReport(
        accepted=n_changed,
        duplicates=len(stores) - n_changed,
        rejected=len(rows) - len(stores),
        rejected_file=rejected_file,
    )


def _store(row: Mapping[str, Any], known: Mapping[StoreId, Store]) -> Store:
    stated = {name: value for name, value in row.items() if value is not None}
    before = known.get(StoreId(row["store_id"]))
    return Store(**stated) if before is None else replace(before, **stated)


def _item(row: Mapping[str, Any], now_day: float) -> CatalogueItem:
    defaults: dict[str, Any] = {
        "added_day": now_day,
        "price": None,
        "item_number": UNNUMBERED,
        "group_id": row["item_id"],
    }
    # What is empty in the file has the default of a new item.
    stated = {name: value for name, value in row.items() if value is not None}
    return CatalogueItem(**{**defaults, **stated})


def _parse_stores(rows: pl.DataFrame) -> pl.DataFrame:
    checks = [pl.when(pl.col(name).is_null()).then(pl.lit(f"{name}: missing")) for name in STORE_TEXTS]
    for name, longest in STORE_TEXTS.items():
        too_long = pl.col(name).str.len_chars() > longest
        checks.append(pl.when(too_long).then(pl.lit(f"{name}: longer than {longest} characters")))
    unknown_zone = ~pl.col("timezone").is_in(sorted(available_timezones()))
    checks.append(pl.when(unknown_zone).then(pl.lit("timezone: not a name such as Europe/Berlin")))
    repeated = ~pl.col("store_id").is_first_distinct()
    checks.append(pl.when(repeated).then(pl.lit("store_id: an earlier row has the same")))
    degrees = {name: pl.col(name).cast(pl.Float64, strict=False) for name in DEGREES if name in rows.columns}
    for name, value in degrees.items():
        wrong = pl.col(name).is_not_null() & ~value.is_between(-DEGREES[name], DEGREES[name]).fill_null(value=False)
        checks.append(pl.when(wrong).then(pl.lit(f"{name}: not degrees from -{DEGREES[name]} to {DEGREES[name]}")))
    stated = [pl.col(name).is_not_null() if name in degrees else pl.lit(value=False) for name in DEGREES]
    checks.append(pl.when(stated[0] != stated[1]).then(pl.lit("latitude: it goes with a longitude")))
    earlier = [pl.col(REASON)] if REASON in rows.columns else []
    return rows.select(ROW, pl.coalesce(*earlier, *checks).alias(REASON), *STORE_TEXTS, **degrees)


def _rejected(rows: pl.DataFrame, parsed: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(parsed[REASON]).filter(pl.col(REASON).is_not_null())
