"""Large writes in small transactions, so that nobody waits long for their turn."""

from collections.abc import Generator, Sequence
from time import perf_counter
from typing import TypeVar

SMALL = 500  # rows that one transaction takes without being cut up; about 10 ms on an idle machine
AIM_SECONDS = 0.025  # what one transaction should take; half of what others may have to wait
MOST = 4_000  # rows of one transaction, at most

T = TypeVar("T")


def chunks_of(rows: Sequence[T]) -> Generator[Sequence[T]]:
    """Cut up rows so that what the caller does with one chunk takes about AIM_SECONDS, by how long the last took."""
    start, size = 0, SMALL
    while start < len(rows):
        chunk = rows[start : start + size]
        started = perf_counter()
        yield chunk
        took = max(perf_counter() - started, 1e-4)
        start += len(chunk)
        size = max(SMALL, min(MOST, 2 * size, int(size * AIM_SECONDS / took)))
