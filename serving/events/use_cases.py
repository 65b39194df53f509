"""Ingest: take events in, make them safe, and let them count for the very next answer."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import uuid4

from redis.exceptions import RedisError

from features.events.stream import EventRow, EventStream, Note, note_of
from features.online.keys import live_state_of_user, live_state_of_visitor
from features.online.live_entries import LIVE_KINDS, PERSONALISATION, entries_of, is_live
from features.online.live_state import LiveEntry, LiveState
from features.online.projection import Updates, updates_of
from recommender.errors import InvalidInput
from recommender.ids import AnonymousId, ItemNumber, UserId
from serving.events.rows import moment_of, products_of, rows_of
from serving.events.schemas import Product, TrackCall

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one event."""

    message_id: str | None
    status: Literal["accepted", "duplicate", "rejected"]
    field: str | None = None
    reason: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """A valid event: its rows for the log, and what of it goes into live state, under which keys."""

    message_id: str
    rows: list[EventRow]
    live: list[LiveEntry]
    keys: list[str]
    note: str | None


@dataclass(frozen=True, kw_only=True)
class Ingest:
    """Takes events in.

    Attributes:
        number_of: the number of an item that the catalogue has; None for another.
        personalisation_of: the consent on record of a user: True, False (refused or withdrawn), None (never asked).
    """

    stream: EventStream
    live: LiveState
    number_of: Callable[[str], ItemNumber | None]
    personalisation_of: Callable[[UserId], bool | None]

    async def __call__(
        self,
        calls: Sequence[TrackCall | Outcome],
        now: datetime,
        *,
        sent_at: datetime | None = None,
        privacy_signal: bool = False,
    ) -> list[Outcome]:
        """Take events in, all or none of the valid ones; an `Outcome` among `calls` is one that was rejected before.

        Raises:
            StoreUnavailable: they could not be made safe; nothing counts, and the same call may be sent again.
        """
        taken = [
            call if isinstance(call, Outcome) else self._take(call, now, sent_at, privacy_signal) for call in calls
        ]
        valid = [event for event in taken if isinstance(event, _Taken)]
        updates = _updates_of(valid)
        note = note_of(updates, now)
        fresh = iter(await self.stream.append_once([event.rows for event in valid], note))
        await self._project(updates, note)
        return [event if isinstance(event, Outcome) else _outcome(event, is_new=next(fresh)) for event in taken]

    def _take(
        self, call: TrackCall, now: datetime, batch_sent_at: datetime | None, privacy_signal: bool
    ) -> "_Taken | Outcome":
        if call.userId is None and call.anonymousId is None:
            return Outcome(
                message_id=call.messageId, status="rejected", field="userId", reason="userId or anonymousId is needed"
            )
        try:
            products = products_of(call)
        except InvalidInput as error:
            return Outcome(message_id=call.messageId, status="rejected", field=error.field, reason=str(error))
        message_id = call.messageId or uuid4().hex
        sent_at = call.sentAt or batch_sent_at
        occurred_at, from_future = moment_of(call, sent_at, now)
        purposes = [] if privacy_signal else self._purposes(call)
        item_ids = [self._item_id(product) for product in products]
        rows = rows_of(
            call, item_ids, message_id=message_id, purposes=purposes, identified=not privacy_signal,
            occurred_at=occurred_at, sent_at=sent_at, received_at=now,
        )  # fmt: skip
        note = "timestamp lies in the future: taken to have happened now" if from_future else None
        live = [entry for row in rows for entry in entries_of(row, self.number_of)]
        if is_live(rows[0]) and call.event in LIVE_KINDS:
            unknown = [item_id for item_id in item_ids if self.number_of(item_id) is None]
            note = f"not in the catalogue, so without effect yet: {', '.join(unknown[:5])}" if unknown else note
        return _Taken(message_id=message_id, rows=rows, live=live, keys=_keys_of(call), note=note)

    def _purposes(self, call: TrackCall) -> list[str]:
        """Purposes in force, sorted; what the user refused on record, an event cannot grant."""
        stated = {} if call.context.consent is None else call.context.consent.categoryPreferences
        recorded = None if call.userId is None else self.personalisation_of(UserId(call.userId))
        in_force = {purpose for purpose, granted in stated.items() if granted}
        if recorded and stated.get(PERSONALISATION) is not False:
            in_force.add(PERSONALISATION)
        if recorded is False:
            in_force.discard(PERSONALISATION)
        return sorted(in_force)

    def _item_id(self, product: Product) -> str:
        """The id that the catalogue knows, of product_id and sku; else the first that is given."""
        given = [name for name in (product.product_id, product.sku) if name is not None]
        return next((name for name in given if self.number_of(name) is not None), given[0])

    async def _project(self, updates: Updates, note: Note | None) -> None:
        """Bring live state up to date; what cannot be done now, the drain does from the note."""
        try:
            await self.live.merge(updates)
        except (RedisError, OSError):
            log.warning("events are safe but not in live state yet: the drain will see to it", exc_info=True)
        else:
            if note is not None:
                self.stream.settle(note)


def _updates_of(events: Sequence[_Taken]) -> Updates:
    """What live state is to be told; of repeats too, which change nothing."""
    by_key: dict[str, list[LiveEntry]] = {}
    for event in events:
        for key in event.keys:
            by_key.setdefault(key, []).extend(event.live)
    return updates_of(by_key)


def _keys_of(call: TrackCall) -> list[str]:
    keys: list[str] = []
    if call.userId is not None:
        keys.append(live_state_of_user(UserId(call.userId)))
    if call.anonymousId is not None:
        keys.append(live_state_of_visitor(AnonymousId(call.anonymousId)))
    return keys


def _outcome(event: _Taken, *, is_new: bool) -> Outcome:
    return Outcome(message_id=event.message_id, status="accepted" if is_new else "duplicate", note=event.note)
