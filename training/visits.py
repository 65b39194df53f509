"""Beginnings of sessions and the item that came next: what a session ranker learns from, and is measured on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.definitions import KEPT_EVENTS
from features.online.live_events import NO_PLACES, LiveEvents
from features.shopper import assemble
from recommender.arrays import EMPTY_ROWS, Offsets, Rows
from recommender.catalogue import Catalogue
from recommender.ids import PlacementId
from recommender.model import Model
from recommender.placements import Placement
from recommender.shopper import EventKind, Shopper
from training.models.sessions import Sessions, starts

STEP_DAYS = 10.0 / 86_400  # between two views: short of the pause that ends a session, for as many as are kept
SHOWN_AGAIN = Placement(placement_id=PlacementId("session"), title="Next in this session", sources=("sessions",))


@dataclass(frozen=True, slots=True)
class Beginnings:
    """Beginnings of sessions (CSR), each with the item that came next.

    Attributes:
        offsets, rows: the items so far, in order.
        targets: (n,) what came next.
        sessions: (n,) which of them are of one session.
    """

    offsets: Offsets
    rows: Rows
    targets: Rows
    sessions: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.targets)

    def of(self, number: int) -> Rows:
        """The items of one beginning, in order."""
        return self.rows[self.offsets[number] : self.offsets[number + 1]]

    def some(self, chosen: NDArray[np.int64]) -> "Beginnings":
        """Those of the given numbers."""
        parts = [self.of(number) for number in chosen.tolist()]
        return beginnings(parts, self.targets[chosen], self.sessions[chosen])


def beginnings(lists: Sequence[Rows], targets: Rows, sessions: NDArray[np.int64]) -> Beginnings:
    """The same from a list of items each."""
    offsets = starts(np.array([len(items) for items in lists], dtype=np.int64))
    return Beginnings(offsets, np.concatenate([EMPTY_ROWS, *lists]), targets, sessions)


def beginnings_of(sessions: Sessions) -> Beginnings:
    """Every beginning of every session, each as long as possible but for what came next."""
    lists: list[Rows] = []
    targets: list[int] = []
    of_session: list[int] = []
    for number in range(len(sessions)):
        items = sessions.rows[sessions.offsets[number] : sessions.offsets[number + 1]]
        for place in range(1, len(items)):
            lists.append(items[:place])
            targets.append(int(items[place]))
            of_session.append(number)
    return beginnings(lists, np.array(targets, dtype=np.int32), np.array(of_session, dtype=np.int64))


def visitor(so_far: Rows, model: Model, catalogue: Catalogue, now_day: float) -> Shopper:
    """Somebody of whom nothing is known but these views, in order, the last of them just now."""
    newest_first = so_far[::-1][:KEPT_EVENTS]
    n = len(newest_first)
    live = LiveEvents(
        numbers=np.array([catalogue.items[row].item_number for row in newest_first.tolist()], dtype=np.int32),
        kinds=np.full(n, EventKind.VIEWED, dtype=np.uint8),
        days=now_day - STEP_DAYS * np.arange(n, dtype=np.float64),
        quantities=np.ones(n, dtype=np.float32),
        orders=np.zeros(n, dtype=np.uint32),
        places=NO_PLACES,
    )
    return assemble(user_id=None, live=live, histories=model.histories, catalogue=catalogue, now_day=now_day)
