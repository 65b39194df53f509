"""At the door of a worker: what it cannot answer soon is refused at once, the least pressing first (ADR 31)."""

import asyncio

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.metrics import Metrics
from serving.priorities import BULK, Caller, caller_of
from serving.problem_document import problem_response
from serving.room import Room

# Of a scope: when the event loop read the head of the request, by its clock, and how many it had yet to answer then.
ARRIVED = "arrived"
LOOK_SECONDS = 0.01
MOST_WAITING = 32  # calls in bulk that wait for their turn
RETRY_AFTER_SECONDS = 1


class Doorkeeper:
    """Counts what is under way in this worker, and knows whether one more may begin.

    Args:
        bulk_at_once: calls that do the work of hundreds, at a time.
    """

    def __init__(self, room: Room, bulk_at_once: int, metrics: Metrics) -> None:
        self._room, self._metrics = room, metrics
        self._under_way = dict.fromkeys(Caller, 0)
        self._bulk, self._n_waiting = asyncio.Semaphore(bulk_at_once), 0

    async def run(self) -> None:
        """Measure, until cancelled, how long what is ready has to wait for the event loop."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LOOK_SECONDS
            await asyncio.sleep(LOOK_SECONDS)
            now = loop.time()
            self._room.waited(now - due, now)

    def begins(self, caller: Caller, age_seconds: float, n_before: int) -> bool:
        """Take one more in, as `Room.allows` has it; False: it is refused, and counted."""
        if not self._room.allows(caller, self._under_way[caller], age_seconds, n_before):
            self._metrics.request_shed(caller.name.lower())
            return False
        self._under_way[caller] += 1
        return True

    def ends(self, caller: Caller) -> None:
        """What was taken in is done."""
        self._under_way[caller] -= 1

    async def bulk_begins(self) -> bool:
        """Wait for a turn; False: too many wait."""
        if self._n_waiting >= MOST_WAITING:
            self._metrics.request_shed(Caller.BATCH.name.lower())
            return False
        self._n_waiting += 1
        try:
            await self._bulk.acquire()
        finally:
            self._n_waiting -= 1
        return True

    def bulk_ends(self) -> None:
        """Let the next have its turn."""
        self._bulk.release()


class Admission:
    """ASGI middleware in front of everything that costs."""

    def __init__(self, app: ASGIApp, door: Doorkeeper) -> None:
        self._app, self._door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it before anything of it is read."""
        caller = caller_of(scope["path"]) if scope["type"] == "http" else None
        if caller is None:
            await self._app(scope, receive, send)
            return
        now = asyncio.get_running_loop().time()
        arrived_at, n_before = scope.get(ARRIVED, (now, 0))
        if not self._door.begins(caller, now - arrived_at, n_before):
            await _busy(scope)(scope, receive, send)
            return
        try:
            if scope["path"] in BULK:
                await self._in_turn(scope, receive, send)
            else:
                await self._app(scope, receive, send)
        finally:
            self._door.ends(caller)

    async def _in_turn(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not await self._door.bulk_begins():
            await _busy(scope)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._door.bulk_ends()


def _busy(scope: Scope) -> Response:
    detail = "There is more to do than this worker can do now."
    remedy = (
        "Send the same request again after as many seconds as Retry-After says; docs/degradation.md says who waits."
    )
    headers = {"retry-after": str(RETRY_AFTER_SECONDS)}
    return problem_response(scope, 503, "overloaded", detail, remedy=remedy, headers=headers)
