"""Keeps this worker's catalogue as SQL has it: the artifact's snapshot, and every change since."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from features.campaigns import SegmentMembers, StoredCampaign
from features.keys import Key
from features.privacy.suppression import Suppression
from features.sql.changes import (
    Changes,
    ConsentState,
    Definition,
    IdentifierState,
    read_changes,
    read_since_artifact,
    read_standing,
)
from features.sql.engine import read_change_number, reading
from features.sql.place_rows import PlacesChanged
from recommender.catalogue import Catalogue, CatalogueItem
from recommender.errors import StoreUnavailable
from recommender.ids import PlacementId
from recommender.item_columns import ItemColumns
from serving.catalogue.change_signal import ChangeSignal
from serving.catalogue.replay import replay

POLL_SECONDS = 0.05  # while announcements do not reach this worker
LOOK_SECONDS = 1.0  # while they do, should one be lost

log = logging.getLogger(__name__)

TakePlacements = Callable[[Sequence[tuple[PlacementId, Definition]]], None]
TakeConsents = Callable[[Sequence[ConsentState]], None]
TakeKeys = Callable[[Sequence[Key]], None]
TakeIdentifiers = Callable[[Sequence[IdentifierState]], None]
TakeSuppressions = Callable[[Sequence[Suppression]], None]
TakePlaces = Callable[[PlacesChanged], None]
TakeCampaigns = Callable[[Sequence[StoredCampaign], Sequence[SegmentMembers]], None]


class CatalogueOverlay:
    """The one owner of this worker's catalogue. It changes between two requests, on the event loop.

    Saved placements, consents, keys, identifiers, suppressions, places, campaigns and segments come the
    same way: `take_placements` and so on are called with how those stand that changed, at the start with what
    `read_standing` reads.

    Attributes:
        catalogue: the one that answers; empty until the first is adopted.
        change_number: all changes up to this one are in it.
    """

    def __init__(
        self,
        engine: Engine,
        signal: ChangeSignal,
        *,
        take_placements: TakePlacements,
        take_consents: TakeConsents,
        take_keys: TakeKeys,
        take_identifiers: TakeIdentifiers = lambda _: None,
        take_suppressions: TakeSuppressions = lambda _: None,
        take_places: TakePlaces = lambda _: None,
        take_campaigns: TakeCampaigns = lambda _, __: None,
    ) -> None:
        self._engine, self._signal = engine, signal
        self._take_placements, self._take_consents, self._take_keys = take_placements, take_consents, take_keys
        self._take_identifiers, self._take_suppressions = take_identifiers, take_suppressions
        self._take_places = take_places
        self._take_campaigns = take_campaigns
        self._lock, self._n_asked, self._n_served, self._announced = asyncio.Lock(), 0, 0, 0
        self._next: Catalogue | None = None
        self.catalogue = Catalogue.of([], spare=0)
        self.change_number = 0

    async def start(self) -> None:
        """Take over what is saved and withdrawn; call it before the first request. Raises StoreUnavailable."""
        async with self._lock:
            standing = await asyncio.to_thread(read_standing, self._engine)
            self._hand_on(standing)
            self._take_keys(standing.keys)  # though there be none: now that is known
            self.change_number = standing.change_number

    async def build(self, items: ItemColumns | Iterable[CatalogueItem], change_number: int) -> Catalogue:
        """Build the catalogue of an artifact that was made at a change number, with all that changed since.

        Row r is the r-th item. Until it is adopted, or another is built, it is kept current beside the one that
        answers: so a swap, or a rollback, brings nothing back.
        """
        catalogue = await asyncio.to_thread(Catalogue.of, items)
        async with self._lock:
            since = await asyncio.to_thread(read_since_artifact, self._engine, change_number)
            await replay(catalogue, since)
            # Changes between self.change_number and that of `since` come again; they state how things are, so it is
            # the same once or twice.
            self._next = catalogue
        return catalogue

    def adopt(self, catalogue: Catalogue) -> None:
        """Make a built catalogue the one that answers."""
        if catalogue is not self._next:
            raise ValueError("only the catalogue that was built last is current")
        self.catalogue, self._next = catalogue, None

    async def announce(self) -> None:
        """After a change in SQL: take it over here, and wake the other workers; once for all who share a reading."""
        try:
            await self.refresh()
        except (StoreUnavailable, SQLAlchemyError):
            await self._signal.announce()  # others may be able to read it
            raise
        if self._announced < self.change_number:
            self._announced = self.change_number
            await self._signal.announce(self.change_number)

    async def refresh(self) -> None:
        """Take over what changed in SQL; when this returns, what was committed before the call is in force here.

        Callers who come while one is served share the next reading.
        """
        self._n_asked += 1
        mine = self._n_asked
        async with self._lock:
            if self._n_served >= mine:  # by a reading that began after this call
                return
            asked_before = self._n_asked
            changes = await asyncio.to_thread(read_changes, self._engine, self.change_number)
            self._hand_on(changes)
            for catalogue in (self.catalogue, self._next):
                if catalogue is not None:
                    await replay(catalogue, changes)
            self.change_number, self._n_served = changes.change_number, asked_before
            self._signal.known = changes.change_number

    async def catch_up(self) -> None:
        """The same if there is anything to take over, which one small query tells. Raises StoreUnavailable."""
        if await asyncio.to_thread(_change_number, self._engine) != self.change_number:
            await self.refresh()

    async def follow(self) -> None:
        """Keep everything current until cancelled: woken over Redis, else by looking."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._signal.listen())
            tasks.create_task(self._follow())

    async def _follow(self) -> None:
        reachable = True
        while True:
            await self._wait()
            try:
                await self.refresh()
                reachable = True
            except (StoreUnavailable, SQLAlchemyError) as error:
                if reachable:
                    log.warning("the catalogue cannot be followed until the database is back: %s", error)
                reachable = False

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS if self._signal.listening else POLL_SECONDS):
                await self._signal.heard.wait()
        except TimeoutError:
            return
        self._signal.heard.clear()

    def _hand_on(self, changes: Changes) -> None:
        if changes.placements:
            self._take_placements(changes.placements)
        if changes.consents:
            self._take_consents(changes.consents)
        if changes.keys:
            self._take_keys(changes.keys)
        if changes.suppressions:  # before all else: nothing may be taken in of them
            self._take_suppressions(changes.suppressions)
        if changes.identifiers:
            self._take_identifiers(changes.identifiers)
        if changes.places:
            self._take_places(changes.places)
        if changes.campaigns or changes.segments:
            self._take_campaigns(changes.campaigns, changes.segments)


def _change_number(engine: Engine) -> int:
    with reading(engine) as connection:
        return read_change_number(connection)
