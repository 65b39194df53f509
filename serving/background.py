"""What a worker does besides answering: follow SQL and the artifact shelf, write what was served."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from redis.asyncio import Redis
from sqlalchemy import Engine

from features.ledger.ledger import Ledger
from features.sql.block_store import BlockStore
from features.sql.engine import migrate
from recommender.errors import StoreUnavailable
from serving.admission import Doorkeeper
from serving.artifact_watch import ArtifactWatch
from serving.catalogue.overlay import CatalogueOverlay
from serving.clock import Clock
from serving.email.visits import Visits
from serving.places.resolver import EidResolver
from serving.recommendations.exposures import Exposures
from serving.shared_counts import SharedCounts
from serving.vitals import Vitals

RETRY_SECONDS = 1.0
SETTLED_SECONDS, LOOK_SECONDS = 60.0, 0.02
EXPIRY_SECONDS = 5.0
FORGETTING_SECONDS, PAUSE_SECONDS = 3_600.0, 0.1

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Background:
    """The tasks of one worker, and the connections that end with it."""

    door: Doorkeeper
    engine: Engine
    redis: Redis
    overlay: CatalogueOverlay
    watch: ArtifactWatch
    exposures: Exposures
    ledger: Ledger
    resolver: EidResolver
    counts: SharedCounts
    visits: Visits
    vitals: Vitals
    mails: BlockStore
    mails_kept: timedelta
    clock: Clock

    def start(self) -> list[asyncio.Task[None]]:
        """Start everything; `settled` says when recommendations can be answered."""
        return [
            _started(self._follow_sql()),
            _started(self.exposures.run()),
            _started(self.counts.run()),
            _started(self.visits.run()),
            _started(self.vitals.run()),
            _started(self.door.run()),
        ]

    async def settled(self) -> None:
        """Wait until recommendations can be answered, or something stands in the way; not for ever."""
        for _ in range(int(SETTLED_SECONDS / LOOK_SECONDS)):
            if self.watch.current.artifact_id is not None or self.watch.why_not is not None:
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def stop(self, tasks: list[asyncio.Task[None]]) -> None:
        """End everything; what was served is written first."""
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.exposures.drain()
        await self.visits.drain()
        await self.counts.note_uses()
        await self.redis.aclose()
        self.engine.dispose()

    async def _follow_sql(self) -> None:
        await self._take_over()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.overlay.follow())
            group.create_task(self.watch.run())
            group.create_task(self._expire_coupons())
            group.create_task(self.resolver.run())
            group.create_task(self._forget_mails())

    async def _expire_coupons(self) -> None:
        """Return to the budgets what nobody came for; of all workers one does it at a time."""
        while True:
            try:
                while await asyncio.to_thread(self.ledger.expire_due):
                    pass
            except StoreUnavailable as error:
                log.warning("coupons wait to be expired: %s", error)
            await asyncio.sleep(EXPIRY_SECONDS)

    async def _forget_mails(self) -> None:
        """Delete blocks of mails whose time is over, and contacts that count no more, some at a time."""
        while True:
            try:
                while await asyncio.to_thread(self.mails.forget, self.mails_kept, self.clock()):
                    await asyncio.sleep(PAUSE_SECONDS)
            except StoreUnavailable as error:
                log.warning("old mails wait to be deleted: %s", error)
            await asyncio.sleep(FORGETTING_SECONDS)

    async def _take_over(self) -> None:
        """Read what no artifact holds; as long as SQL is away, again and again."""
        while True:
            try:
                await asyncio.to_thread(migrate, self.engine)
                await self.overlay.start()
            except StoreUnavailable as error:
                self.watch.why_not = str(error)
                log.warning("waiting for the database: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return


def _started(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = asyncio.create_task(work)
    task.add_done_callback(_log_end)
    return task


def _log_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("a background task of this worker has ended", exc_info=error)
