"""What a shopper did lately: single events and places as live state takes them in, and all of them as arrays."""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Floats
from recommender.ids import ItemNumber
from recommender.shopper import EventKind
from recommender.shown import NOTHING_SHOWN, Shown
from recommender.value import value

MS_PER_DAY = 86_400_000.0
ORDER_KINDS = (EventKind.ORDERED, EventKind.REFUNDED, EventKind.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveEvent:
    """One event on one item, or the end of a whole order, as live state takes it in.

    Attributes:
        event_id, line: its name; the same name twice is the same event.
        item_number: None: the event is on all items of its order (a refund or cancellation that names none).
        quantity: in the item's unit; infinite: all of it.
        order_id: what ties a refund to its order; an order without one goes by its event id.
        occurred_ms: milliseconds since 1970-01-01 UTC.
    """

    event_id: str
    line: int
    kind: EventKind
    item_number: ItemNumber | None
    quantity: float
    occurred_ms: int
    order_id: str | None = None


class PlaceKind(IntEnum):
    """What is said of a place; the value is stored in live state, so it never changes its meaning."""

    STORE = 1
    ZONE = 2
    LEFT_ZONE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePlace:
    """The shopper was in a store, in a zone, or left a zone."""

    kind: PlaceKind
    place_id: str
    occurred_ms: int


LiveEntry = LiveEvent | LivePlace


class LastPlace(NamedTuple):
    """Where and when a shopper was last seen; `day` in days since 1970-01-01 UTC."""

    day: float
    place_id: str


NO_PLACES: dict[PlaceKind, LastPlace] = {}


@value(slots=True)
class LiveEvents:
    """Recent events of one shopper, newest first, no event twice.

    Attributes:
        numbers: (n,) item numbers; -1: a whole order.
        kinds: (n,) values of EventKind.
        days: (n,) days since 1970-01-01 UTC, exact to the millisecond.
        quantities: (n,) in the item's unit, to three digits.
        orders: (n,) what tells orders apart, for events of ORDER_KINDS; of no meaning for others.
        places: by kind the latest.
        shown: by placements that rotate, of late.
        emptied_at: the change number of the ledger of consents as of which it was emptied; who knows less of the ledger
            does not know that the shopper may have refused. 0: never.
    """

    numbers: NDArray[np.int32]
    kinds: NDArray[np.uint8]
    days: NDArray[np.float64]
    quantities: Floats
    orders: NDArray[np.uint32]
    places: dict[PlaceKind, LastPlace]
    emptied_at: int = 0
    shown: Shown = NOTHING_SHOWN

    def __len__(self) -> int:
        return len(self.numbers)


NO_LIVE_EVENTS = LiveEvents(
    numbers=np.empty(0, dtype=np.int32),
    kinds=np.empty(0, dtype=np.uint8),
    days=np.empty(0, dtype=np.float64),
    quantities=np.empty(0, dtype=np.float32),
    orders=np.empty(0, dtype=np.uint32),
    places=NO_PLACES,
)
