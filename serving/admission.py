"""At the door of a worker: what it cannot answer soon is refused, the least pressing first (ADR 31)."""

import asyncio
from functools import lru_cache
from time import perf_counter

from serving.lane import Lane
from serving.metrics import Metrics
from serving.priorities import BULK, Caller, caller_of
from serving.room import Room

LOOK_SECONDS = 0.02
URLS = 512  # whose lane is remembered
LATE = 0.3  # of the patience: that what is at work may wait for the event loop
FEW, MANY = 32.0, 256.0  # storefronts that wait: so few are never refused, no more ever wait
# Of bounds and patience. Events wait for Redis where recommendations do without it, so they have a lane of their own.
SHARES = {Caller.TILL: 8.0, Caller.APP: 4.0, Caller.STOREFRONT: 1.0, Caller.EVENTS: 1.0, Caller.BATCH: 0.25}
FEW_BULK, MANY_BULK, BULK_SECONDS = 8.0, 32.0, 5.0  # the same of calls in bulk, for which nobody stands and waits


class Doorkeeper:
    """Knows what is at work in this worker, and which request is next.

    Each kind of caller has a lane of its own: who waits for the database takes no room from who does not.

    Args:
        patience_seconds: that a storefront waits.
        bulk_at_once: calls that do the work of hundreds, at a time; one while others queue.
    """

    def __init__(self, patience_seconds: float, bulk_at_once: int, metrics: Metrics) -> None:
        self._room, self._bulk_at_once, self._metrics = Room(LATE * patience_seconds), bulk_at_once, metrics
        self._lanes = {
            caller: Lane(FEW * share, MANY * share, patience_seconds * share) for caller, share in SHARES.items()
        }
        self._bulk = Lane(FEW_BULK, MANY_BULK, BULK_SECONDS)
        # Of a request's target, as it was sent; None also where it is not plain what its path is.
        self.lane_of_url = lru_cache(URLS)(self._lane_of_url)
        self._look(0.0, LOOK_SECONDS)

    def lane_of(self, path: str) -> Lane | None:
        """Where a request with this path waits; None: it is always answered."""
        if path in BULK:
            return self._bulk
        caller = caller_of(path)
        return None if caller is None else self._lanes[caller]

    def _lane_of_url(self, url: bytes) -> Lane | None:
        path = url.partition(b"?")[0]
        is_plain = path.startswith(b"/") and path.isascii() and b"%" not in path
        return self.lane_of(path.decode()) if is_plain else None

    async def run(self) -> None:
        """Measure, until cancelled, how long what is ready has to wait for the event loop; go on by that."""
        looked_at = perf_counter()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = perf_counter()
            seconds, looked_at = now - looked_at, now
            waits = any(lane.somebody_waits for lane in self._lanes.values())
            self._room.waited(seconds - LOOK_SECONDS, now, somebody_waits=waits)
            self._look(now, seconds)

    def _look(self, now: float, seconds: float) -> None:
        for caller, lane in self._lanes.items():
            lane.look(self._room.bound * SHARES[caller], now, seconds)
            self._count(caller, lane)
        is_pressed = any(lane.stands(now) for lane in self._lanes.values())
        self._bulk.look(1 if is_pressed else self._bulk_at_once, now, seconds)
        self._count(Caller.BATCH, self._bulk)

    def _count(self, caller: Caller, lane: Lane) -> None:
        n_refused, lane.n_refused = lane.n_refused, 0
        if n_refused:
            self._metrics.requests_shed(caller.name.lower(), n_refused)
