"""What was served, on its way to the event stream: queued by the reply path, written a little later in batches."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime

import orjson
from redis.exceptions import RedisError

from features.events.schema import RECOMMENDATION_SERVED
from features.events.stream import EventRow, EventStream
from features.online.live_state import keys_of
from features.online.live_value import pack_shown
from features.online.projection import Updates
from recommender.errors import StoreUnavailable
from recommender.ids import RecommendationId
from recommender.shown import Shown, join, shown_on
from serving.clock import day_of
from serving.metrics import Metrics
from serving.recommendations.answers import Answer
from serving.recommendations.questions import Caller

QUEUED_LISTS = 10_000  # at 1,000 lists/s, what ten seconds without a stream hold
LISTS_PER_WRITE = 200
PAUSE_SECONDS = 0.5  # each write is a sync of the disk, for which reads of live state wait
QUEUED_TRACES = 100
NO_EXPLORATION = 1.0  # the chance of each slot of a list that nothing was drawn for: the same state gives the same one


class Exposures:
    """A bounded queue of served lists; one that does not fit is dropped and counted.

    Args:
        keep_trace: keeps a sampled trace; raises StoreUnavailable.
        remember: updates live state; raises what redis-py raises.
    """

    def __init__(
        self,
        stream: EventStream,
        keep_trace: Callable[[RecommendationId, bytes], Awaitable[None]],
        remember: Callable[[Updates], Awaitable[None]],
        metrics: Metrics,
    ) -> None:
        self._stream = stream
        self._keep_trace = keep_trace
        self._remember = remember
        self._metrics = metrics
        self._lists: deque[tuple[Caller, Answer, datetime]] = deque()
        self._traces: deque[tuple[RecommendationId, bytes]] = deque(maxlen=QUEUED_TRACES)
        self._writing = asyncio.Lock()

    def put(self, caller: Caller, answer: Answer, now: datetime) -> None:
        """Queue a served list; `caller` has no identifiers if there is no consent."""
        if len(self._lists) >= QUEUED_LISTS:
            self._metrics.exposures_dropped(1)
            return
        self._lists.append((caller, answer, now))

    def put_trace(self, recommendation_id: RecommendationId, document: bytes) -> None:
        """Queue a sampled trace; the oldest gives way."""
        self._traces.append((recommendation_id, document))

    async def run(self) -> None:
        """Write what is queued until cancelled; `drain` what is left then."""
        while True:
            await asyncio.sleep(PAUSE_SECONDS)
            await asyncio.shield(self.drain())  # what is on its way when this ends, nobody else has

    async def drain(self) -> None:
        """Write all that is queued now, after what is on its way. What cannot be written is dropped and counted."""
        async with self._writing:
            await self._drain()

    async def _drain(self) -> None:
        while self._lists:
            batch = [self._lists.popleft() for _ in range(min(LISTS_PER_WRITE, len(self._lists)))]
            try:
                await self._stream.append([exposure_row(*entry) for entry in batch])
            except StoreUnavailable:
                self._metrics.exposures_dropped(len(batch))
            if updates := updates_of_shown(batch):
                with suppress(RedisError, OSError):  # such a list rotates a day later
                    await self._remember(updates)
        while self._traces:
            try:
                await self._keep_trace(*self._traces.popleft())
            except StoreUnavailable:
                self._traces.clear()


def updates_of_shown(batch: Sequence[tuple[Caller, Answer, datetime]]) -> Updates:
    """What live state is to be told of lists of placements that rotate, one update for each identifier."""
    told = dict[
        str, tuple[Shown, int, int]
    ]()  # with the moment of the latest, and the ledger of the one that knew least
    for caller, answer, now in batch:
        if answer.shown_before is None:
            continue
        numbers = answer.catalogue.items.numbers[answer.decision.rows].tolist()
        shown = join(answer.shown_before, shown_on(answer.query.placement, numbers, int(day_of(now))))
        moment, ledger_at = round(now.timestamp() * 1000), answer.ledger_at
        for key in keys_of(caller.user_id, caller.anonymous_id):
            if key in told:
                others, latest, least = told[key]
                told[key] = join(others, shown), max(latest, moment), min(least, ledger_at)
            else:
                told[key] = shown, moment, ledger_at
    return {key: pack_shown(*parts) for key, parts in told.items()}


def exposure_row(caller: Caller, answer: Answer, now: datetime) -> EventRow:
    """One row of the event log for one served list; its items are in `properties`, that of slot 1 first.

    `policy` is the artifact that decided; `propensity` holds for every slot, unless `properties` have one for each. No
    experiment runs yet.
    """
    query, decision = answer.query, answer.decision
    context_item = None if query.context_item is None else answer.catalogue.items.item_id(query.context_item)
    explores = decision.propensities is not None
    properties = {
        "placement": query.placement,
        "item_ids": answer.catalogue.items.item_ids(decision.rows),
        "sources": decision.sources,
        "context_item_id": context_item,
        "fallback": decision.fallback,
        "personalised": decision.personalised,
        **({"propensities": decision.propensities} if explores else {}),
    }
    return {
        "event_id": answer.recommendation_id,
        "line": 0,
        "event": RECOMMENDATION_SERVED,
        "user_id": caller.user_id,
        "anonymous_id": caller.anonymous_id,
        "session_id": caller.session_id,
        "store_id": caller.store_id,
        "recommendation_id": answer.recommendation_id,
        "policy": answer.model_version,
        "experiment": None,
        "variant": None,
        "propensity": None if explores else NO_EXPLORATION,
        "synthetic": False,
        "occurred_at": now,
        "received_at": now,
        "properties": orjson.dumps(properties).decode(),
    }
