"""The file of the rows that an import refused, beside the one that it read."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import orjson

from features.imports.rows import NOTES, SURPLUS


class RejectedRows:
    """Collects refused rows in NAME.rejected.csv (NAME.rejected.jsonl for JSONL and Parquet), complete or not at all.

    Corrected, that file can itself be imported: its notes are not read back.
    """

    def __init__(self, file: Path, columns: Sequence[str]) -> None:
        self._is_csv = file.suffix.lower() == ".csv"
        self._columns = columns
        self.file = file.with_name(f"{file.name}.rejected{'.csv' if self._is_csv else '.jsonl'}")
        self._beside = self.file.with_name(self.file.name + ".partial")
        self._opened: TextIO | None = None
        self.count = 0

    def __enter__(self) -> "RejectedRows":
        return self

    def __exit__(self, *error: object) -> None:
        if self._opened is not None:
            self._opened.close()
            self._beside.unlink(missing_ok=True)

    def add(self, number: int, row: dict[str, object], reason: str) -> None:
        """Write down row `number` (from 1) of the file."""
        if self._opened is None:
            self._opened = self._beside.open("w", encoding="utf-8", newline="")
            if self._is_csv:
                self._columns = [name for name in self._columns if name in row] or self._columns
                csv.writer(self._opened).writerow([*NOTES, *self._columns, SURPLUS])
        self.count += 1
        if self._is_csv:
            fields = [row.get(name, "") for name in (*self._columns, SURPLUS)]
            csv.writer(self._opened).writerow([number, reason, *fields])
        else:
            noted = {**dict(zip(NOTES, (number, reason), strict=True)), **_without_notes(row)}
            self._opened.write(orjson.dumps(noted, default=str).decode() + "\n")

    def keep(self) -> Path | None:
        """Put the file in place, or take away that of an earlier import if nothing was refused; returns its path."""
        if self._opened is None:
            self.file.unlink(missing_ok=True)
            return None
        self._opened.close()
        self._opened = None
        self._beside.replace(self.file)
        return self.file


def _without_notes(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name not in NOTES}
