"""Names of the log's files: which range of which stream a file holds, so that nothing is ever in the log twice."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_NAME = re.compile(r"(stream|merged)-([0-9a-f]{8})-(\d+)-(\d+)-(\d+)-(\d+)")


class StreamId(NamedTuple):
    """Place of an entry in its stream; later entries are larger."""

    milliseconds: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.sequence}"


@dataclass(frozen=True, slots=True)
class StreamRange:
    """Entries of one stream, `first` and `last` included. `stream` is its name of eight hexadecimal digits."""

    stream: str
    first: StreamId
    last: StreamId

    @classmethod
    def parse(cls, text: str) -> "StreamRange":
        """Read what `str` of a range gives."""
        stream, *numbers = text.split("-")
        first_ms, first_sequence, last_ms, last_sequence = map(int, numbers)
        return cls(stream, StreamId(first_ms, first_sequence), StreamId(last_ms, last_sequence))

    def __str__(self) -> str:
        return f"{self.stream}-{self.first}-{self.last}"

    @property
    def drained_name(self) -> str:
        """Name of the file that the drain writes for this range."""
        return f"stream-{self}"

    @property
    def merged_name(self) -> str:
        """Name of the file that takes the place of all files within this range."""
        return f"merged-{self}"

    def contains(self, other: "StreamRange") -> bool:
        """Whether every entry of `other` lies in this range."""
        return self.stream == other.stream and self.first <= other.first and other.last <= self.last


def range_of(file: Path) -> StreamRange | None:
    """Range that a file holds; None: it did not come from a stream (an import, a simulation)."""
    name = file.name.split(".")[0]
    return StreamRange.parse(name.split("-", 1)[1]) if _NAME.fullmatch(name) else None


def split_merged(files: Iterable[Path]) -> tuple[list[Path], dict[Path, list[Path]]]:
    """Files of one day that count, in the given order; and the others, with the merged files that have their rows."""
    count: list[Path] = []
    superseded: dict[Path, list[Path]] = {}
    ranges = {file: range_of(file) for file in files}
    merged = [(file, wide) for file, wide in ranges.items() if wide is not None and file.name.startswith("merged-")]
    for file, held in ranges.items():
        holders = [wider for wider, wide in merged if held is not None and wide.contains(held) and wider != file]
        if holders:
            superseded[file] = holders
        else:
            count.append(file)
    return count, superseded
