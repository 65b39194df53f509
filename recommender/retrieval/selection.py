"""Picking the few best of many, and leaving out what comes twice."""

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Mask, Positions, Rows, Scores
from recommender.native import BOOL, I32, I64, NOTHING, U32, U64, compiled, reads, writes


def best(rows: Rows, scores: Scores, k: int) -> Positions:
    """Positions of the (up to) `k` highest scores, best first, the lower row where equal.

    Args:
        rows, scores: (n,), no row twice, no NaN.
    """
    keys = np.empty(len(rows), dtype=np.uint64)
    _order(keys, rows, scores.view(np.uint32))
    if k >= len(rows):
        return keys.argsort()
    found = keys.argpartition(k)[:k]
    return found[keys[found].argsort()]


def best_rows(rows: Rows, scores: Scores, k: int) -> tuple[Rows, Scores]:
    """What stands at the positions that `best` gives, and its scores, in half the time: numbers move faster.

    A score of minus zero comes back as zero.
    """
    keys = np.empty(len(rows), dtype=np.uint64)
    _order(keys, rows, scores.view(np.uint32))
    if k < len(rows):
        keys.partition(k)
        keys = keys[:k]
    keys.sort()
    found, theirs = np.empty(len(keys), dtype=np.int32), np.empty(len(keys), dtype=np.uint32)
    _read(found, theirs, keys)
    return found, theirs.view(np.float32)


def distinct(rows: Rows, k: int) -> Rows:
    """The first (up to) `k` of `rows`, each where it comes first."""
    found = np.empty(min(k, len(rows)), dtype=np.int32)
    return found[: _leave_out_repeats(found, rows)]


def first_of(rows: Rows, fitting: Mask, k: int) -> Rows:
    """The first (up to) `k` of `rows` that fit; `fitting` is by item row."""
    found = np.empty(min(k, len(rows)), dtype=np.int32)
    return found[: _take_fitting(found, rows, fitting)]


def in_turn(first: Rows, second: Rows) -> Rows:
    """One of each in turn, then what is left of the longer."""
    both = min(len(first), len(second))
    joined = np.empty(len(first) + len(second), dtype=np.int32)
    joined[0 : 2 * both : 2], joined[1 : 2 * both : 2] = first[:both], second[:both]
    joined[2 * both :] = first[both:] if len(first) > both else second[both:]
    return joined


@compiled(NOTHING, writes(U64), reads(I32), reads(U32))
def _order(keys: NDArray[np.uint64], rows: Rows, bits: NDArray[np.uint32]) -> None:
    """Whole numbers that ascend from the best to the worst: numpy sorts those many times faster than pairs.

    `bits` are those of the scores, of which the highest comes first: all but the sign of a positive number turned
    round, and a negative number as it is.
    """
    for i in range(len(rows)):
        bit = np.uint32(0) if bits[i] == np.uint32(0x80000000) else bits[i]  # minus zero is zero
        falling = bit if bit >> np.uint32(31) else np.uint32(0x7FFFFFFF) - bit
        keys[i] = (np.uint64(falling) << np.uint64(32)) | np.uint64(rows[i])


@compiled(NOTHING, writes(I32), writes(U32), reads(U64))
def _read(rows: Rows, bits: NDArray[np.uint32], keys: NDArray[np.uint64]) -> None:
    """The rows and scores that `_order` made the keys of."""
    for i in range(len(keys)):
        falling = np.uint32(keys[i] >> np.uint64(32))
        bits[i] = falling if falling >> np.uint32(31) else np.uint32(0x7FFFFFFF) - falling
        rows[i] = np.int32(keys[i] & np.uint64(0xFFFFFFFF))


@compiled(I64, writes(I32), reads(I32), reads(BOOL))
def _take_fitting(found: Rows, rows: Rows, fitting: Mask) -> int:
    """Write what fits until `found` is full; returns how many there are."""
    n = 0
    for row in rows:
        if n == len(found):
            break
        if fitting[row]:
            found[n] = row
            n += 1
    return n


@compiled(BOOL, I32, reads(I32), I64)
def is_among(row: int, rows: Rows, n: int) -> bool:
    """Whether a row is one of the first `n`."""
    found = False
    for other in rows[:n]:  # to the end, so that it becomes vector instructions
        found |= other == row
    return found


@compiled(I64, writes(I32), reads(I32))
def _leave_out_repeats(found: Rows, rows: Rows) -> int:
    """Write what is new until `found` is full; returns how many there are."""
    n = 0
    for row in rows:
        if n == len(found):
            break
        if not is_among(row, found, n):
            found[n] = row
            n += 1
    return n
