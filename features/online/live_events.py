"""What a shopper did lately, as arrays, and the packed form in which live state keeps each event."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from struct import Struct

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Floats
from recommender.ids import ItemNumber
from recommender.shopper import EventKind

MS_PER_DAY = 86_400_000.0

# The kind comes first: of events in the same millisecond, an order is later than a removal, that than an addition.
PACKED_EVENT = np.dtype([("kind", "u1"), ("key", "V6"), ("number", ">u4"), ("quantity", ">f2")])
_PACKED = Struct(">B6sIe")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveEvent:
    """One event on one item, as live state takes it in.

    `event_id` and `line` name it: the same name twice is the same event. `quantity` is in the item's unit.
    """

    event_id: str
    line: int
    kind: EventKind
    item_number: ItemNumber
    quantity: float
    occurred_ms: int


@dataclass(frozen=True, slots=True)
class LiveEvents:
    """Recent events of one shopper, newest first, no event twice.

    Attributes:
        numbers: (n,) item numbers.
        kinds: (n,) values of EventKind.
        days: (n,) days since 1970-01-01 UTC, exact to the millisecond.
        quantities: (n,) in the item's unit, to three digits.
    """

    numbers: NDArray[np.int32]
    kinds: NDArray[np.uint8]
    days: NDArray[np.float64]
    quantities: Floats

    def __len__(self) -> int:
        return len(self.numbers)


NO_LIVE_EVENTS = LiveEvents(
    numbers=np.empty(0, dtype=np.int32),
    kinds=np.empty(0, dtype=np.uint8),
    days=np.empty(0, dtype=np.float64),
    quantities=np.empty(0, dtype=np.float32),
)


def pack(event: LiveEvent) -> bytes:
    """The 13 bytes of one event; the same event always gives the same bytes."""
    name = f"{event.line}:{event.event_id}".encode("utf-8", "surrogatepass")
    key = blake2b(name, digest_size=6).digest()
    return _PACKED.pack(event.kind, key, event.item_number, min(max(event.quantity, 0.0), 60_000.0))


def unpack(members: Sequence[bytes], occurred_ms: Sequence[float]) -> LiveEvents:
    """Read packed events in any order, repeats allowed (a shopper's two identifiers hold the same event twice)."""
    if not members:
        return NO_LIVE_EVENTS
    unique = dict(zip(members, occurred_ms, strict=True))
    newest_first = sorted(unique.items(), key=_moment, reverse=True)
    packed = np.frombuffer(b"".join([member for member, _ in newest_first]), dtype=PACKED_EVENT)
    return LiveEvents(
        numbers=packed["number"].astype(np.int32),
        kinds=packed["kind"].copy(),
        days=np.array([moment for _, moment in newest_first], dtype=np.float64) / MS_PER_DAY,
        quantities=packed["quantity"].astype(np.float32),
    )


def _moment(entry: tuple[bytes, float]) -> tuple[float, bytes]:
    return entry[1], entry[0]
