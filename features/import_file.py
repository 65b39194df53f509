"""Files that a shop brings (CSV, JSONL, Parquet): read as text, row by row, with the rows that do not fit set aside."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from io import BytesIO
from pathlib import Path
from typing import Literal

import orjson
import polars as pl
from polars.exceptions import PolarsError

from recommender.errors import InvalidInput

ROW = "row"  # number of the row in its file, from 1, not counting the heading
REASON = "reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What became of the rows of a file; `rejected_file` has the rejected ones with the reason, if there are any.

    `suppressed` are of people who were erased: nothing of them is kept. `unforgotten` are consents that were withdrawn
    while Redis could not be reached: what it holds of these people is not used, and gone with the same import again.
    """

    accepted: int
    duplicates: int
    rejected: int
    rejected_file: Path | None
    suppressed: int = 0
    unforgotten: int = 0


def read_text(file: Path, columns: Iterable[str], required: Iterable[str]) -> pl.DataFrame:
    """Read a file whose columns are among `columns`: all of them str, null where empty, and `row` u32.

    A line of JSON that cannot be read has only `row` and `reason`.

    Raises:
        InvalidInput: the file is not there, is damaged, or has no column that is required, or one that is not known.
    """
    try:
        frame = _read(file, file.suffix.lower())
    except FileNotFoundError as error:
        raise InvalidInput(f"{file} does not exist.", field="FILE", remedy="Check the path.") from error
    except (OSError, PolarsError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        remedy = "Write the file again; it must be CSV with a heading, JSON Lines, or Parquet."
        raise InvalidInput(f"{file} cannot be read: {reason}.", field="FILE", remedy=remedy) from error
    _refuse_unknown(frame, list(columns), str(file))
    for name in required:
        if name not in frame.columns and len(frame) > 0:
            raise InvalidInput(f"{file} has no column {name!r}.", field=name, remedy="Add the column.")
    return frame


def read_sent(content: bytes, kind: Literal[".csv", ".jsonl"], columns: Iterable[str]) -> pl.DataFrame:
    """Read what a caller sent as such a file would be read.

    Raises:
        InvalidInput: it is no such file, or has a column that is not known.
    """
    try:
        frame = _read(BytesIO(content), kind)
    except (PolarsError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        remedy = "Send CSV in UTF-8 whose first line names the columns."
        raise InvalidInput(f"The body cannot be read: {reason}.", remedy=remedy) from error
    _refuse_unknown(frame, list(columns), "The body")
    return frame


def write_rejected(file: Path, rejected: pl.DataFrame) -> Path | None:
    """Write rejected rows, with `row` and `reason` first, beside the file; None if there are none."""
    beside = file.with_name(f"{file.name}.rejected.csv")
    if rejected.is_empty():
        beside.unlink(missing_ok=True)
        return None
    rejected.select(ROW, REASON, pl.exclude(ROW, REASON)).sort(ROW).write_csv(beside)
    return beside


def _refuse_unknown(frame: pl.DataFrame, known: list[str], source: str) -> None:
    for name in frame.columns:
        if name not in {*known, ROW, REASON}:
            close = get_close_matches(name, known, n=1)
            remedy = f"Call it {close[0]!r}, or leave it out." if close else f"Leave it out; known are {known}."
            raise InvalidInput(f"{source} has a column {name!r} that is not known.", field=name, remedy=remedy)


def _read(source: Path | BytesIO, kind: str) -> pl.DataFrame:
    if kind in {".jsonl", ".ndjson"}:
        return _read_json_lines(source)
    if kind == ".csv":
        frame = pl.read_csv(source, infer_schema=False)
    elif kind in {".parquet", ".pq"}:
        frame = pl.read_parquet(source).with_columns(pl.all().cast(pl.String))
    else:
        raise InvalidInput(f"{source} is of no known kind.", field="FILE", remedy="Name it .csv, .jsonl or .parquet.")
    frame = frame.with_columns(pl.all().replace("", None))
    return frame.with_columns(pl.int_range(1, len(frame) + 1, dtype=pl.UInt32).alias(ROW))


def _read_json_lines(source: Path | BytesIO) -> pl.DataFrame:
    rows: list[Mapping[str, object]] = []
    names: dict[str, None] = {}
    with source.open("rb") if isinstance(source, Path) else source as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            row = _row_of(line)
            rows.append({**row, ROW: number})
            names.update(dict.fromkeys(row))
    return pl.DataFrame(rows, schema={**dict.fromkeys(names, pl.String), ROW: pl.UInt32})


def _row_of(line: bytes) -> dict[str, str | None]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return {REASON: f"not JSON: {error}"}
    if not isinstance(row, dict):
        return {REASON: "not a JSON object"}
    return {str(name): _text(value) for name, value in row.items()}


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else json.dumps(value)
