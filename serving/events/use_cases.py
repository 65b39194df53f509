"""Ingest: take events in, make them safe, and let them count for the very next answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Raw
from redis.exceptions import RedisError

from features.events.dead_letters import DeadLetter, DeadLetters, letter_id_of, without_secrets
from features.events.stream import EventStream, Note, note_of
from features.identity import USER_ID, Contacts, Occasion
from features.online.live_state import LiveEntry, LiveState
from features.online.projection import Updates, updates_of
from features.traits import Stated
from recommender.consent import Entry
from recommender.ids import ItemNumber, UserId
from serving.events.answers import answers_in
from serving.events.arrival import Arrival
from serving.events.people import Recognise, presented_by, vouched_for
from serving.events.permitted import Permitted
from serving.events.reading import Reading, Rejected, read_event
from serving.events.rows import moment_of
from serving.events.schemas import Context, Kind
from serving.events.suppressed import NOT_KEPT, Sorted, SuppressedPeople, unused
from serving.events.taking import Taken, item_ids_in, take

SLICE = 100  # events that are read or put into rows at a stretch, so that other requests get their turn

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one event."""

    message_id: str | None
    status: Literal["accepted", "duplicate", "rejected"]
    field: str | None = None
    reason: str | None = None
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class Ingest:
    """Takes events in.

    Attributes:
        number_of: the number of an item that the catalogue has; None for another.
        look_up: sees to it that `number_of` knows these items, if the shop has them.
        permitted: judges what an event may be used for; it knows the ledger of consents up to the change number
            `ledger_at`.
        recognise: the user ids of the person behind each event.
        keep_traits: writes what was stated of people, at a moment; blocks, and raises StoreUnavailable.
        record_consents: writes what people said on purposes; when it returns, SQL and live state have it.
        suppressed: who was erased, or may not be used.
        count: told the status of each event; `count_unkept` how many rejected ones the dead letters had no room for.
    """

    stream: EventStream
    live: LiveState
    number_of: Callable[[str], ItemNumber | None]
    look_up: Callable[[Iterable[str]], Awaitable[None]]
    permitted: Permitted
    ledger_at: Callable[[], int]
    recognise: Recognise
    keep_traits: Callable[[Sequence[Stated], datetime], None]
    record_consents: Callable[[Sequence[Entry]], Awaitable[int]]
    dead_letters: DeadLetters
    contacts: Contacts
    suppressed: SuppressedPeople
    count: Callable[[Iterable[str]], None]
    count_unkept: Callable[[int], None]

    async def __call__(
        self,
        texts: Sequence[bytes | Raw],
        arrival: Arrival,
        *,
        kind: Kind | None = None,
        shared_context: Context | None = None,
        keep_rejected: bool = True,
    ) -> list[Outcome]:
        """Take events in, all or none of the valid ones.

        Args:
            texts: JSON, one event each.
            arrival: when and from whom they came.
            kind: the call of Segment's that all of them must be.
            shared_context: for events that have none.
            keep_rejected: whether those that do not fit go to the dead letters.

        Raises:
            StoreUnavailable: they could not be made safe; nothing counts, and the same call may be sent again.
        """
        readings = await self._read(texts, kind, shared_context)
        valid = [reading for reading in readings if isinstance(reading, Reading)]
        ledger_at = self.ledger_at()
        taken = await self._take(valid, arrival)
        if stated := [event.stated for event in taken if event.stated is not None]:
            await asyncio.to_thread(self.keep_traits, stated, arrival.now)
        updates = _updates_of(taken, ledger_at)
        note = note_of(updates, arrival.now)
        appended = await self.stream.append_once([event.rows for event in taken if event.rows], note)
        kept = iter(appended)
        fresh = [next(kept) if event.rows else True for event in taken]
        if not all(fresh):  # an id that came before with other content must not reach live state past the log
            updates = _updates_of([event for event, is_new in zip(taken, fresh, strict=True) if is_new], ledger_at)
        # None new: all came before, and there is no note; or they came with it this moment, and Redis was asked again
        # because its first answer was lost. Nobody but the drain knows then what is left to do.
        await self._project(updates, note if any(appended) else None)
        if keep_rejected and len(valid) < len(readings) and not arrival.privacy_signal:
            await self._keep_rejected(texts, readings, arrival, kind, shared_context)
        ends = iter(zip(taken, fresh, strict=True))
        outcomes = [_rejected(one) if isinstance(one, Rejected) else _accepted(*next(ends)) for one in readings]
        self.count("suppressed" if outcome.note == NOT_KEPT else outcome.status for outcome in outcomes)
        return outcomes

    async def _read(
        self, texts: Sequence[bytes | Raw], kind: Kind | None, shared_context: Context | None
    ) -> list[Reading | Rejected]:
        readings: list[Reading | Rejected] = []
        for start in range(0, len(texts), SLICE):
            if start:
                await asyncio.sleep(0)
            readings += [read_event(text, kind, shared_context) for text in texts[start : start + SLICE]]
        return readings

    async def _take(self, readings: Sequence[Reading], arrival: Arrival) -> list[Taken]:
        """Recognise the people behind the events, record what they said on consent, and make the rows."""
        named = [presented_by(reading, self.contacts) for reading in readings]
        facts = [vouched_for(one, arrival.access) for one in named]
        kept = [self.suppressed.sort(one, fact) for one, (fact, _) in zip(named, facts, strict=True)]
        facts = [(one.fact, vouched and not one.is_gone) for one, (_, vouched) in zip(kept, facts, strict=True)]
        # Nobody is looked for behind an event that may name nobody. With nothing vouched for, an event touches its own
        # anonymous id alone, whoever is known behind it.
        unnamed = [self.permitted.names_nobody(reading, arrival) for reading in readings]
        asked = [vouched and not silent for (_, vouched), silent in zip(facts, unnamed, strict=True)]
        occasions = [_occasion_of(reading, arrival) for reading in readings]
        people = await self.recognise([fact for fact, _ in facts], asked, occasions)
        if said := answers_in(readings, facts, arrival, self.permitted):
            await self.record_consents(said)
        await self.look_up(item_ids_in(readings))
        taken: list[Taken] = []
        for start in range(0, len(readings), SLICE):
            if start:
                await asyncio.sleep(0)
            part = slice(start, start + SLICE)
            for reading, one, users in zip(readings[part], kept[part], people[part], strict=True):
                taken.append(self._take_one(reading, one, users, arrival))
        return taken

    def _take_one(self, reading: Reading, named: Sorted, users: tuple[UserId, ...], arrival: Arrival) -> Taken:
        purposes = None
        if not named.is_gone and not self.permitted.names_nobody(reading, arrival):
            behind = [*named.fact.identifiers(), *((USER_ID, str(user)) for user in users)]
            purposes = self.permitted.purposes(reading, behind, arrival)
        taken = take(reading, named.presented, named.fact, users, purposes, arrival, self.number_of)
        if named.is_gone:
            return self.suppressed.accounts_of(taken)
        return taken if self.suppressed.may_count(named.fact, users) else unused(taken)

    async def _project(self, updates: Updates, note: Note | None) -> None:
        """Bring live state up to date; what cannot be done now, the drain does from the note."""
        try:
            await self.live.merge(updates)
        except (RedisError, OSError):
            log.warning("events are safe but not in live state yet: the drain will see to it", exc_info=True)
        else:
            if note is not None:
                self.stream.settle(note)

    async def _keep_rejected(
        self,
        texts: Sequence[bytes | Raw],
        readings: Sequence[Reading | Rejected],
        arrival: Arrival,
        kind: Kind | None,
        shared_context: Context | None,
    ) -> None:
        shared = None if shared_context is None else msgspec.to_builtins(shared_context)
        letters: list[DeadLetter] = []
        for text, rejected in zip(texts, readings, strict=True):
            if isinstance(rejected, Rejected):
                kept = without_secrets(bytes(text), shared)
                if not self.suppressed.names_nobody_erased(kept):
                    continue
                letters.append(
                    DeadLetter(
                        letter_id=letter_id_of(kept), received_at=arrival.received_at, field=rejected.field,
                        reason=rejected.reason, text=kept, kind=kind, sent_at=arrival.sent_at,
                        trusted=arrival.access.trusted, subject=arrival.access.subject,
                    )
                )  # fmt: skip
        if unkept := await asyncio.to_thread(self.dead_letters.append, letters):
            self.count_unkept(unkept)


def _occasion_of(reading: Reading, arrival: Arrival) -> Occasion:
    occurred_at, _ = moment_of(reading.timestamp, reading.sent_at or arrival.sent_at, arrival.received_at)
    return Occasion(reading.message_id, occurred_at)


def _updates_of(events: Iterable[Taken], ledger_at: int) -> Updates:
    """What live state is to be told."""
    by_key: dict[str, list[LiveEntry]] = {}
    for event in events:
        if event.live:
            for key in event.keys:
                by_key.setdefault(key, []).extend(event.live)
    return updates_of(by_key, ledger_at)


def _rejected(rejected: Rejected) -> Outcome:
    return Outcome(message_id=rejected.message_id, status="rejected", field=rejected.field, reason=rejected.reason)


def _accepted(event: Taken, is_new: bool) -> Outcome:
    return Outcome(message_id=event.message_id, status="accepted" if is_new else "duplicate", note=event.note)
