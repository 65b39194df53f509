"""Reads CSV, JSONL and Parquet files of any size in chunks, each row as it was and each value as text."""

import csv
import io
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import TextIO

import orjson
import polars as pl
from polars.exceptions import PolarsError

from recommender.errors import InvalidInput

SUFFIXES = (".csv", ".jsonl", ".parquet")
NOTES = ("rejected_row", "rejected_because")  # columns of our own files of rejected rows; not read back
SURPLUS = "surplus"  # where fields go that no column of the header stands for
BROKEN = "text"  # where a line goes that is no JSON object
_ROWS = 50_000
_MAX_FIELD = 10_000_000  # characters; the csv module's own limit of 131,072 is less than a row of JSON may have


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file.

    Attributes:
        first_row: number of the first one, from 1, as the file counts its rows (a header and empty lines left out).
        rows: as they were, by column.
        texts: the same as text, in the order of the rows; the columns asked for, null where the file says nothing. An
            empty text is nothing. Objects and lists are their JSON.
        broken: str, why a row has no form at all; null for those that have one.
    """

    first_row: int
    rows: list[dict[str, object]]
    texts: pl.DataFrame
    broken: pl.Series


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
    first_row = 1
    for pairs in _chunked(reader(file, columns)):
        rows = [row for row, _ in pairs]
        texts = pl.DataFrame(
            {name: [_text(row.get(name)) for row in rows] for name in columns}, schema=dict.fromkeys(columns, pl.String)
        )
        broken = pl.Series("broken", [reason for _, reason in pairs], dtype=pl.String)
        yield Chunk(first_row, rows, texts, broken)
        first_row += len(rows)


_Row = tuple[dict[str, object], str | None]


def _chunked(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    remaining = iter(rows)
    while chunk := list(islice(remaining, _ROWS)):
        yield chunk


def _read_csv(file: Path, columns: Sequence[str]) -> Generator[_Row]:
    csv.field_size_limit(_MAX_FIELD)
    with _open_text(file) as opened:
        reader = csv.DictReader(opened, restkey=SURPLUS, strict=True)
        header = _next_header(reader, file)
        _check_columns(file, header, columns)
        rows = iter(reader)
        while True:
            try:
                row: dict[str, object] = dict(next(rows))
            except StopIteration:
                return
            except csv.Error as error:
                yield {}, f"the line is no CSV: {error}"
                continue
            yield row, _form(row, len(header))


def _next_header(reader: "csv.DictReader[str]", file: Path) -> Sequence[str]:
    try:
        header = reader.fieldnames
    except csv.Error as error:
        raise InvalidInput(f"The header of {file} is no CSV: {error}") from error
    if not header:
        raise InvalidInput(f"{file} is empty.", remedy="The first line of a CSV file names its columns.")
    return header


def _form(row: dict[str, object], n_columns: int) -> str | None:
    surplus = row.get(SURPLUS)
    if isinstance(surplus, list):
        return f"the row has {n_columns + len(surplus)} fields, the header has {n_columns}"
    if None in row.values():
        return f"the row has fewer fields than the header, which has {n_columns}"
    return None


def _read_jsonl(file: Path, columns: Sequence[str]) -> Generator[_Row]:
    known = {*columns, *NOTES}
    with _open_text(file) as opened:
        for line in opened:
            text = line.strip()
            if text:
                yield _parse_object(text, known)


def _parse_object(text: str, known: set[str]) -> _Row:
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return {BROKEN: text}, f"the line is no JSON: {error}"
    if not isinstance(row, dict):
        return {BROKEN: text}, "the line is no JSON object"
    unknown = sorted(row.keys() - known)
    return row, f"unknown field {unknown[0]!r}" if unknown else None


def _read_parquet(file: Path, columns: Sequence[str]) -> Generator[_Row]:
    try:
        frame = pl.scan_parquet(file, glob=False)
        _check_columns(file, frame.collect_schema().names(), columns)
        for batch in frame.collect_batches(chunk_size=_ROWS, maintain_order=True):
            for row in batch.iter_rows(named=True):
                yield row, None
    except (PolarsError, OSError) as error:
        raise InvalidInput(f"{file} is truncated or is no Parquet file: {error}") from error


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
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # JSON may hold half of a surrogate pair
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (dict, list)):
        return orjson.dumps(value).decode()
    return str(value)
