"""Names of the log's files: which range of which stream a file holds, so that nothing is ever in the log twice."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
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

    def reaches(self, other: "StreamRange") -> bool:
        """Whether this range has not ended where `other` begins."""
        return self.stream == other.stream and self.last >= other.first


@lru_cache(maxsize=8_192)  # more than linger in a day at a time
def range_of(name: str) -> StreamRange | None:
    """Range that the file of this name holds; None: it did not come from a stream (an import, a simulation)."""
    stem = name.split(".")[0]
    return StreamRange.parse(stem.split("-", 1)[1]) if _NAME.fullmatch(stem) else None


def split_merged(names: Iterable[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Files of one day that count, in the given order; and the others, with the merged files that have their rows.

    One pass over names in the order of the stream, with the merged files that have begun and not ended.
    """
    names = list(names)
    ranges = {name: held for name in names if (held := range_of(name)) is not None}
    superseded: dict[str, list[str]] = {}
    open_merged: list[tuple[str, StreamRange]] = []
    for name in sorted(ranges, key=lambda name: _widest_first(name, ranges[name])):
        held = ranges[name]
        open_merged = [(wider, wide) for wider, wide in open_merged if wide.reaches(held)]
        if holders := [wider for wider, wide in open_merged if wide.contains(held)]:
            superseded[name] = holders
        if is_merged(name):
            open_merged.append((name, held))
    return [name for name in names if name not in superseded], superseded


class CountingFiles:
    """Which files of one day count, for who asks again and again while files come and go.

    The drain lists its day every two seconds, and what was merged lingers in it by the thousand: that is looked at no
    more, for it stays superseded as long as all that counted is there.
    """

    def __init__(self) -> None:
        self._counting, self._superseded = set[str](), set[str]()

    def among(self, names: Iterable[str]) -> list[str]:
        """Of the names of all files that the day has now, those that count, in order."""
        present = set(names)
        self._superseded &= present if self._counting <= present else set()
        counting, superseded = split_merged(sorted(present - self._superseded))
        self._counting = set(counting)
        self._superseded |= superseded.keys()
        return counting


def is_merged(name: str) -> bool:
    """Whether the file of this name takes the place of others."""
    return name.startswith("merged-")


def _widest_first(name: str, held: StreamRange) -> tuple[str, StreamId, tuple[int, int], bool]:
    """In the order of the stream; of files that begin together the longest first, and the merged one of twins."""
    last = held.last
    return held.stream, held.first, (-last.milliseconds, -last.sequence), not is_merged(name)
