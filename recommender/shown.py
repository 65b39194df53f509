"""What a shopper was shown on which of the last days, so that what is passed over can give way."""

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from recommender.ids import PlacementId

SHOWN_DAYS = 8  # one bit each: the latest, and those before it
MOST_SHOWN = 41  # items of a shopper over all placements; what was shown longest ago gives way


@dataclass(frozen=True, slots=True)
class Shown:
    """Items that one shopper was shown of late; no item of a placement twice.

    Attributes:
        day: the latest day, whole days since 1970-01-01 UTC.
        places: (n,) of which placement, as `code_of` says.
        numbers: (n,) item numbers.
        days: (n,) on which days: bit i (from 0) stands for `day` - i.
    """

    day: int
    places: NDArray[np.uint8]
    numbers: NDArray[np.int32]
    days: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.numbers)

    def on(self, day: int) -> NDArray[np.uint8]:
        """`days` as seen from a later day: 0 where it was longer ago than is kept. From an earlier one: as they are."""
        return (self.days.astype(np.uint64) << np.uint64(min(max(day - self.day, 0), SHOWN_DAYS))).astype(np.uint8)

    def days_before(self, placement: PlacementId, day: int) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Numbers of items that this placement showed on days before `day`, and on how many."""
        earlier = np.bitwise_count(self.on(day) & np.uint8(0xFE))
        found = (self.places == code_of(placement)) & (earlier > 0)
        return self.numbers[found], earlier[found]


NOTHING_SHOWN = Shown(0, np.empty(0, np.uint8), np.empty(0, np.int32), np.empty(0, np.uint8))


def code_of(placement: PlacementId) -> int:
    """A byte that stands for a placement; a shop has few, and two of one code share what they showed."""
    return crc32(placement.encode()) & 0xFF


def shown_on(placement: PlacementId, numbers: Sequence[int], day: int) -> Shown:
    """One list as it was shown on a day; of its items MOST_SHOWN, the first ones."""
    kept = np.array(numbers[:MOST_SHOWN], dtype=np.int32)
    return Shown(day, np.full(len(kept), code_of(placement), np.uint8), kept, np.ones(len(kept), np.uint8))


def join(one: Shown, other: Shown) -> Shown:
    """What was shown in either: the same in whatever order, however often; of more than is kept, the latest."""
    day = max(one.day, other.day)
    places = np.concatenate([one.places, other.places])
    numbers = np.concatenate([one.numbers, other.numbers])
    days = np.concatenate([one.on(day), other.on(day)])
    names, which = np.unique(places.astype(np.int64) << 32 | numbers, return_inverse=True)
    joined = np.zeros(len(names), np.uint8)
    np.bitwise_or.at(joined, which, days)
    latest = joined & (~joined + np.uint8(1))  # the lowest bit; 0 for what is too long ago
    order = np.argsort(latest, kind="stable")
    order = order[joined[order] > 0][:MOST_SHOWN]
    return Shown(
        day, (names[order] >> 32).astype(np.uint8), (names[order] & 0x7FFFFFFF).astype(np.int32), joined[order]
    )
