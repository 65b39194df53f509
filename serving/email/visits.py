"""What is written down of visits to the links of mails: counted at once, logged a little later.

A click waits for some seconds: only then it shows whether the other links of its mail were followed with it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, time
from uuid import uuid4

import orjson
from redis.exceptions import RedisError

from features.events.schema import EMAIL_LINK_CLICKED, EMAIL_OPENED, UNSUBSCRIBED
from features.events.stream import EventRow, EventStream
from features.mails import Chosen, FoundBlock, MailBlock, block_ref
from features.online.mail_clicks import MailClicks
from recommender.errors import StoreUnavailable
from serving.email.visitors import Visitor
from serving.metrics import Metrics

HELD_SECONDS = 4.0  # by then all that BURST_SECONDS are about has come
LOOK_SECONDS = 1.0
QUEUED = 20_000
MANY = 3  # different links of one mail within BURST_SECONDS of each other: no person reads that fast
AT_ONCE = 200

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Click:
    """A link that was followed, until it is known by whom."""

    found: FoundBlock
    place: int
    visitor: Visitor
    at: datetime
    mail: str
    event_id: str
    seconds: float  # when that was, by the clock of the machine
    due: float


class Visits:
    """Notes who opened mails and followed their links.

    Args:
        may_log: whether what a user does with what a block shows may be logged under their name; None: with something
            of which nobody knows where it was sent.
    """

    def __init__(
        self,
        stream: EventStream,
        clicks: MailClicks,
        metrics: Metrics,
        secret: Callable[[], bytes],
        may_log: Callable[[str, Chosen | None], bool],
    ) -> None:
        self._stream, self._clicks, self._metrics, self._secret = stream, clicks, metrics, secret
        self._may_log = may_log
        self._held: deque[Click] = deque()
        self._writing = asyncio.Lock()

    def refused(self, link: str) -> None:
        """A link that is not ours, or has ended."""
        self._metrics.mail_visited(link, Visitor.NOBODY)

    async def clicked(self, found: FoundBlock, place: int, visitor: Visitor, at: datetime, event_id: str) -> None:
        """A link was followed. What does not fit into the queue is counted, and not logged."""
        block = found.block
        mail, seconds = block_ref(self._secret(), block.send_id, block.user_id, ""), time()
        try:
            await self._clicks.note(mail, f"{block.block_ref}{place}", seconds)
        except (RedisError, OSError) as error:
            log.debug("a click is not compared with others of its mail: %s", error)
        if len(self._held) < QUEUED:
            due = monotonic() + HELD_SECONDS
            self._held.append(Click(found, place, visitor, at, mail, event_id, seconds, due))
        else:
            self._metrics.mail_visited("click", visitor)

    async def opened(self, found: FoundBlock, visitor: Visitor, at: datetime) -> None:
        """A picture of a mail was loaded: of all of a mail within an hour, one opening is logged."""
        self._metrics.mail_visited("picture", visitor)
        block = found.block
        mail = block_ref(self._secret(), block.send_id, block.user_id, "")
        about = {"send_id": block.send_id, "by": visitor}
        row = self._row(EMAIL_OPENED, f"open-{uuid4().hex}", block.user_id, about, at, visitor, block)
        try:
            if await self._clicks.is_first_opening(mail, visitor):
                await self._stream.append_once([[row]])
        except (StoreUnavailable, RedisError, OSError) as error:
            log.warning("an opening is not logged: %s", error)

    async def unsubscribed(self, user_id: str, send_id: str, at: datetime, event_id: str) -> None:
        """Somebody does not want mails any more."""
        self._metrics.mail_visited("unsubscribe", Visitor.PERSON)
        row = self._row(UNSUBSCRIBED, event_id, user_id, {"send_id": send_id}, at, Visitor.PERSON, None)
        try:
            await self._stream.append_once([[row]])
        except StoreUnavailable as error:
            log.warning("that somebody unsubscribed is on record, and not logged: %s", error)

    async def run(self) -> None:
        """Write what was held for long enough, until cancelled; `drain` what is left then."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await asyncio.shield(self._write_due(monotonic()))  # what is on its way when this ends, nobody else has

    async def drain(self) -> None:
        """Write all that is held, after what is on its way."""
        await self._write_due(float("inf"))

    async def _write_due(self, now: float) -> None:
        async with self._writing:
            await self._write_held(now)

    async def _write_held(self, now: float) -> None:
        while self._held and self._held[0].due <= now:
            some = [self._held.popleft() for _ in range(min(AT_ONCE, len(self._held))) if self._held[0].due <= now]
            try:
                counts = await self._clicks.count([(one.mail, one.seconds) for one in some])
            except (RedisError, OSError):
                counts = [0] * len(some)
            rows = [self._click_row(one, n_links=n) for one, n in zip(some, counts, strict=True)]
            try:
                await self._stream.append_once([[row] for row in rows])
            except StoreUnavailable as error:
                log.warning("%d clicks on mails are not logged: %s", len(rows), error)

    def _click_row(self, click: Click, n_links: int) -> EventRow:
        is_burst = click.visitor is Visitor.PERSON and n_links >= MANY
        visitor = Visitor.BURST if is_burst else click.visitor
        self._metrics.mail_visited("click", visitor)
        block = click.found.block
        about = {"send_id": block.send_id, "block_id": block.block_id, "by": visitor}
        row = self._row(EMAIL_LINK_CLICKED, click.event_id, block.user_id, about, click.at, visitor, block)
        if row["user_id"] is not None:
            row["item_id"] = click.found.item_at(click.place)
            row["recommendation_id"] = block.chosen.recommendation_id
            if click.place in block.chosen.shown:
                row["position"] = block.chosen.shown.index(click.place) + 1
        return row

    def _row(
        self,
        event: str,
        event_id: str,
        user_id: str,
        about: dict[str, str],
        at: datetime,
        visitor: Visitor,
        block: MailBlock | None,
    ) -> EventRow:
        """Under the name of the person only what they did themselves, and allow to be known, then and now."""
        named = visitor is Visitor.PERSON and (block is None or block.personal)
        named = named and self._may_log(user_id, None if block is None else block.chosen)
        return {
            "event_id": event_id, "line": 0, "event": event, "user_id": user_id if named else None, "channel": "email",
            "synthetic": False, "occurred_at": at, "received_at": at, "properties": orjson.dumps(about).decode(),
        }  # fmt: skip
