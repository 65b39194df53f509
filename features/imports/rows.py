"""Reads CSV, JSONL and Parquet files of any size in chunks: each value as text, each row also as it was."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

import orjson
import polars as pl
from polars.exceptions import PolarsError

from recommender.errors import InvalidInput

SUFFIXES = (".csv", ".jsonl", ".parquet")
NOTES = ("row", "reason")  # columns of our own files of refused rows; not read back
SURPLUS = "surplus"  # where fields go that no column of the header stands for
BROKEN = "text"  # where a line goes that is no JSON object
_ROWS = 50_000
_MAX_FIELD = 10_000_000  # characters; the csv module's own limit of 131,072 is less than a row of JSON may have


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file.

    Attributes:
        first_row: number of the first one, from 1, as the file counts its rows (a header and empty lines left out).
        texts: their values as text, in the columns asked for; null where the file says nothing. Lists and objects are
            their JSON.
        broken: str, why a row has no form at all; null for those that have one.
        row: gives a row as it was, by column; takes its place in this chunk, from 0.
    """

    first_row: int
    texts: pl.DataFrame
    broken: pl.Series
    row: Callable[[int], dict[str, object]]


def read_rows(file: Path, columns: Sequence[str]) -> Iterator[Chunk]:
    """Read a file chunk by chunk.

    Args:
        file: of a kind in SUFFIXES; CSV in UTF-8 with a header, JSONL with one object a line.
        columns: that may occur. A CSV or Parquet file with another one is refused, since its name may be misspelt; in
            JSONL, the row is broken.

    Raises:
        InvalidInput: no such file, another kind, no header, or an unknown or repeated column.
    """
    if not file.is_file():
        raise InvalidInput(f"There is no file {file}.", remedy="Check the path.")
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl, ".parquet": _read_parquet}
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise InvalidInput(f"{file} is none of {', '.join(SUFFIXES)}.", remedy="Convert it, or rename it.")
    return reader(file, columns)


def _read_csv(file: Path, columns: Sequence[str]) -> Iterator[Chunk]:
    csv.field_size_limit(_MAX_FIELD)
    with _open_text(file) as opened:
        rows = _csv_rows(opened)
        header, problem = next(rows, ([], "the file is empty"))
        if problem is not None:
            raise InvalidInput(f"{file}: {problem}.", remedy="The first line of a CSV file names its columns.")
        _check_columns(file, header, columns)
        first_row = 1
        while chunk := list(islice(rows, _ROWS)):
            yield _csv_chunk(first_row, header, chunk, columns)
            first_row += len(chunk)


def _csv_rows(opened: TextIO) -> Iterator[tuple[list[str], str | None]]:
    """Fields of each row that is not empty, and what is wrong with its form."""
    reader = csv.reader(opened, strict=True)
    while True:
        try:
            for fields in reader:
                if fields:
                    yield fields, None
        except csv.Error as error:
            yield [], f"the line is no CSV: {error}"
        else:
            return


def _csv_chunk(
    first_row: int, header: list[str], rows: list[tuple[list[str], str | None]], columns: Sequence[str]
) -> Chunk:
    width = len(header)
    fields = [row if len(row) == width else (row + [""] * width)[:width] for row, _ in rows]
    given = dict(zip(header, zip(*fields, strict=True), strict=True))
    texts = pl.DataFrame({name: given[name] for name in header}, schema=dict.fromkeys(header, pl.String))
    uneven = "the row has {} fields, the header has {}"
    broken = [problem or (None if len(row) == width else uneven.format(len(row), width)) for row, problem in rows]

    def row_of(index: int) -> dict[str, object]:
        row = rows[index][0]
        return {**dict(zip(header, row, strict=False)), SURPLUS: ",".join(row[width:])}

    return Chunk(first_row, _complete(texts, columns), pl.Series(broken, dtype=pl.String), row_of)


def _read_jsonl(file: Path, columns: Sequence[str]) -> Iterator[Chunk]:
    known = {*columns, *NOTES}
    with _open_text(file) as opened:
        lines = (line for line in opened if not line.isspace())
        first_row = 1
        while chunk := [_parse_object(line.strip(), known) for line in islice(lines, _ROWS)]:
            rows = [row for row, _ in chunk]
            names = [name for name in columns if any(name in row for row in rows)]
            given = {name: [_text(row.get(name)) for row in rows] for name in names}
            texts = pl.DataFrame(given, schema=dict.fromkeys(names, pl.String), height=len(rows))
            broken = pl.Series([problem for _, problem in chunk], dtype=pl.String)
            yield Chunk(first_row, _complete(texts, columns), broken, rows.__getitem__)
            first_row += len(chunk)


def _parse_object(text: str, known: set[str]) -> tuple[dict[str, object], str | None]:
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return {BROKEN: text}, f"the line is no JSON: {error}"
    if not isinstance(row, dict):
        return {BROKEN: text}, "the line is no JSON object"
    unknown = sorted(row.keys() - known)
    return row, f"unknown field {unknown[0]!r}" if unknown else None


def _read_parquet(file: Path, columns: Sequence[str]) -> Iterator[Chunk]:
    try:
        frame = pl.scan_parquet(file, glob=False)
        _check_columns(file, frame.collect_schema().names(), columns)
        first_row = 1
        for batch in frame.collect_batches(chunk_size=_ROWS, maintain_order=True):
            texts = batch.select(_column_text(column) for column in batch.iter_columns())
            broken = pl.repeat(None, batch.height, dtype=pl.String, eager=True)
            yield Chunk(first_row, _complete(texts, columns), broken, _row_of(batch))
            first_row += batch.height
    except (PolarsError, OSError) as error:
        raise InvalidInput(f"{file} is truncated or is no Parquet file: {error}") from error


def _row_of(batch: pl.DataFrame) -> Callable[[int], dict[str, object]]:
    return lambda index: batch.row(index, named=True)


def _column_text(column: pl.Series) -> pl.Series:
    if column.dtype.is_temporal():
        return column.dt.to_string("iso:strict")
    if column.dtype.is_nested():
        return pl.Series(column.name, [_text(value) for value in column.to_list()], dtype=pl.String)
    return column.cast(pl.String, strict=False)


def _complete(texts: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    missing = {name: pl.lit(None, dtype=pl.String) for name in columns if name not in texts.columns}
    return texts.with_columns(**missing).select(columns)


def _check_columns(file: Path, found: Sequence[str], columns: Sequence[str]) -> None:
    unknown = [name for name in found if name not in {*columns, *NOTES, SURPLUS}]
    if unknown:
        raise InvalidInput(
            f"{file} has a column {unknown[0]!r}, which the format does not have.",
            field=unknown[0],
            remedy=f"Rename or remove it; the columns are {', '.join(columns)}.",
        )
    if len(set(found)) < len(found):
        raise InvalidInput(f"{file} has a column twice.", remedy="Remove one of them.")


def _open_text(file: Path) -> TextIO:
    # What is no UTF-8 becomes U+FFFD, which the checks of a row refuse: one bad byte costs a row, not the import.
    return io.TextIOWrapper(file.open("rb"), encoding="utf-8-sig", errors="replace", newline="")


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return orjson.dumps(value, default=str).decode()
    return str(value)
