"""Beginnings of sessions and the item that came next: what a session ranker learns from, and is measured on."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features.definitions import KEPT_EVENTS
from features.online.live_events import NO_PLACES, LiveEvents
from features.shopper import assemble
from recommender.arrays import Offsets, Rows
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
        offsets, rows: the items so far, in order: the newest KEPT_EVENTS, which are all that live state keeps.
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

    def below(self, n_items: int) -> "Beginnings":
        """The same without items of row `n_items` and above; a target may be one."""
        kept = self.rows < n_items
        return replace(self, offsets=starts(kept.astype(np.int64))[self.offsets], rows=self.rows[kept])


def beginnings(
    offsets: Offsets, ends: NDArray[np.int64], rows: Rows, targets: Rows, of: NDArray[np.int64]
) -> Beginnings:
    """Cut beginnings out of lists (CSR): the i-th ends before `rows[ends[i]]` and is one of list `of[i]`."""
    first = np.maximum(offsets[of], ends - KEPT_EVENTS)
    cut = starts(ends - first)
    places = np.arange(cut[-1]) + np.repeat(first - cut[:-1], ends - first)
    return Beginnings(cut, rows[places], targets, of)


def beginnings_of(sessions: Sessions, most: int | None = None, seed: int = 0) -> Beginnings:
    """Beginnings of sessions, each as long as possible but for what came next, in order.

    Args:
        most: so many of them, drawn with the seed; None: all. Only those that are drawn are cut.
    """
    of_items = sessions.of_items()
    went_on = np.flatnonzero(of_items[1:] == of_items[:-1]) + 1
    if most is not None and len(went_on) > most:
        went_on = np.sort(np.random.default_rng(seed).permutation(went_on)[:most])
    of = of_items[went_on].astype(np.int64)
    return beginnings(sessions.offsets, went_on, sessions.rows, sessions.rows[went_on], of)


def visitor(so_far: Rows, model: Model, catalogue: Catalogue, now_day: float) -> Shopper:
    """Somebody of whom nothing is known but these views, in order, the last of them just now."""
    newest_first = so_far[::-1][:KEPT_EVENTS]
    n = len(newest_first)
    live = LiveEvents(
        numbers=catalogue.items.numbers[newest_first].astype(np.int32),
        kinds=np.full(n, EventKind.VIEWED, dtype=np.uint8),
        days=now_day - STEP_DAYS * np.arange(n, dtype=np.float64),
        quantities=np.ones(n, dtype=np.float32),
        orders=np.zeros(n, dtype=np.uint32),
        places=NO_PLACES,
    )
    return assemble(user_id=None, live=live, histories=model.histories, catalogue=catalogue, now_day=now_day)
