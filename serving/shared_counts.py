"""What a worker tells the others beside its requests: who called how often, who guessed, which keys were used."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from redis.exceptions import RedisError

from recommender.errors import StoreUnavailable
from serving.cancellation import heed_cancellation
from serving.limits import Limits
from serving.lockout import Lockout

SHARE_SECONDS = 0.25
NOTE_SECONDS = 60.0

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class SharedCounts:
    """Shares the counts of one worker; no request waits for it.

    Attributes:
        take_uses: when keys were used, by key id, since it was last called.
        note_use: writes that down in SQL.
    """

    limits: Limits
    lockouts: Sequence[Lockout]
    take_uses: Callable[[], Mapping[str, datetime]]
    note_use: Callable[[Mapping[str, datetime]], None]

    async def run(self) -> None:
        """Share until cancelled."""
        reachable, note_at = True, monotonic() + NOTE_SECONDS
        while True:
            await asyncio.sleep(SHARE_SECONDS)
            heed_cancellation()
            try:
                await self.limits.share()
                for lockout in self.lockouts:
                    await lockout.share()
                reachable = True
            except (RedisError, OSError) as error:
                if reachable:
                    log.warning("each worker counts requests by itself until Redis is back: %s", error)
                reachable = False
            if monotonic() >= note_at:
                note_at = monotonic() + NOTE_SECONDS
                await self.note_uses()

    async def note_uses(self) -> None:
        """Write down which keys were used; if SQL is away, their next use will be."""
        used = self.take_uses()
        if not used:
            return
        try:
            await asyncio.to_thread(self.note_use, used)
        except StoreUnavailable as error:
            log.warning("the last use of %d keys could not be written down: %s", len(used), error)
