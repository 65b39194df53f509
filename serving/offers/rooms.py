"""What the campaigns of a store had room for a moment ago, so that a choice needs no look at the ledger of its own."""

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from features.ledger.room import Room, look_at_room
from features.sql.engine import reading

LOOKED_AT_EVERY = 0.25  # seconds
STORES_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Look:
    """A look at some campaigns, which may be under way; it holds until then, in seconds of the event loop."""

    campaigns: frozenset[str]
    until: float
    room: asyncio.Future[Room]

    def holds(self, moment: float) -> bool:
        """Whether it is still good enough; what failed is not."""
        return moment < self.until and not (self.room.done() and self.room.exception() is not None)


class Rooms:
    """Looks at the ledger by store, each shared by all who ask within a quarter of a second; for the event loop.

    Whoever issues a coupon makes sure that there is room, and says `forget` when there was none.
    """

    def __init__(self, engine: Engine, readers: Executor, clock: Callable[[], datetime]) -> None:
        self._engine, self._readers, self._clock = engine, readers, clock
        self._looks = dict[str, Look]()

    async def at(self, store_id: str, campaigns: Collection[str]) -> Room:
        """The room of these campaigns in a store; raises StoreUnavailable."""
        loop, wanted = asyncio.get_running_loop(), frozenset(campaigns)
        look = self._looks.get(store_id)
        if look is not None and not look.holds(loop.time()):
            look = None
        if look is None or not wanted <= look.campaigns:
            wanted |= frozenset[str]() if look is None else look.campaigns
            room = loop.run_in_executor(self._readers, self._look_at, wanted, store_id)
            look = Look(wanted, loop.time() + LOOKED_AT_EVERY, room)
            if len(self._looks) >= STORES_KEPT:
                self._looks.clear()
            self._looks[store_id] = look
        return await asyncio.shield(look.room)  # others wait for it too

    def forget(self, store_id: str) -> None:
        """Look anew for whoever asks next."""
        self._looks.pop(store_id, None)

    def _look_at(self, campaigns: Collection[str], store_id: str) -> Room:
        with reading(self._engine) as connection:
            return look_at_room(connection, campaigns, store_id, self._clock())
