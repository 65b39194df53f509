"""HTTP on one connection: uvicorn's, with bounds on a request's head and on how long a caller sends and reads."""

import asyncio
import os
from time import perf_counter
from typing import cast

import orjson
from starlette.types import Scope
from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable
from uvicorn._types import Scope as UvicornScope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from serving.admission import Doorkeeper
from serving.envelope import CAME_AT
from serving.head_with_body import HeadWithBody
from serving.lane import Lane
from serving.problem_document import MEDIA_TYPE, TYPE_PREFIX
from serving.refusal import Refusal

# In the state of the lifespan, where the application has them: its `Doorkeeper` and its `Refusal`.
DOOR, REFUSAL = "door", "refusal"

LARGEST_HEAD = 64 * 1024  # bytes of request line and headers, beyond the chunk that they began in
COMES_WITHIN_SECONDS = 20.0  # from the first byte of a request to its last, and from the connection to its first
TAKEN_WITHIN_SECONDS = 30.0  # that answers wait for a caller who does not read them
LOOK_SECONDS = 5.0
LINGERS_SECONDS = 0.5  # of an idle connection, when the worker ends


class BoundedProtocol(HttpToolsProtocol):
    """Ends connections that trickle or are not read from; answers what is no HTTP; asks the door of the worker."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - as uvicorn's own
        """Begin to watch it."""
        super().connection_made(transport)
        self._in_head, self._began_here, self._head_bytes, self._ending = False, False, 0, False
        self._is_turned_away = False
        self._coming_since: float | None = self.loop.time()
        self._untaken_since: float | None = None
        self._watch = self.loop.call_later(LOOK_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Watch it no longer."""
        self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what came."""
        self._began_here = False
        super().data_received(data)
        if self._in_head and not self._began_here:  # what it began in may be the body of the request before
            self._head_bytes += len(data)
            if self._head_bytes > LARGEST_HEAD and not self.transport.is_closing():
                self._refuse(431, "head_too_large", f"Request line and headers may have {LARGEST_HEAD:,} bytes.")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._is_turned_away = False
        self._in_head, self._began_here, self._head_bytes = True, True, 0
        self._coming_since = self.loop.time()

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._in_head = False
        if self._turns_away():
            return
        super().on_headers_complete()
        if self._ending:
            self.cycle.keep_alive = False  # the answer says that it is the last one here

    def on_body(self, body: bytes) -> None:
        """A piece of its body."""
        if not self._is_turned_away:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """All of it is there; the next one may take its time to begin."""
        self._coming_since = None
        if not self._is_turned_away:
            super().on_message_complete()
        # Its answer may have been complete before: then what of it came later has stopped the clock.
        is_answered = self._is_turned_away or self.cycle.response_complete
        if is_answered and self.timeout_keep_alive_task is None and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def shutdown(self) -> None:
        """End after the answer under way; when idle, a little later, because a request may be on its way already."""
        self._ending = True
        if cast("object", self.cycle) is None or self.cycle.response_complete:
            self.loop.call_later(LINGERS_SECONDS, super().shutdown)
        else:
            super().shutdown()

    def begin(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Hand a request to the application."""
        super()._start_asgi_task(cycle, app)

    def refuse(self, cycle: RequestResponseCycle, seconds: float) -> None:
        """Answer a request that has waited so long without the application, and go on with the connection."""
        # Who waits to be told to send the body may send it or not now: what came next could be either.
        is_last = self._ending or not cycle.keep_alive or cycle.waiting_for_100_continue
        more = [(b"connection", b"close")] if is_last else []
        self._say_busy(cycle.scope["method"], cycle.scope["path"], [*cycle.scope["headers"]], more, seconds)
        cycle.response_started = cycle.response_complete = True
        if is_last:
            self.transport.close()
        if self.pipeline:
            self.loop.call_soon(self.on_response_complete)  # not at once: hundreds may have come in one piece
        else:
            self.on_response_complete()

    def _turns_away(self) -> bool:
        """Refuse the request whose head is there before anything is made for it, if its lane is full."""
        door: Doorkeeper | None = self.app_state.get(DOOR)
        cycle = cast("RequestResponseCycle | None", self.cycle)
        is_alone = cycle is None or cycle.response_complete
        parser = self.parser
        if door is None or parser is None or not is_alone or self._ending or self.expect_100_continue:
            return False
        lane = door.lane_of_url(self.url)
        if lane is None or not lane.is_full(perf_counter()) or not parser.should_keep_alive():
            return False
        lane.n_refused += 1
        self._is_turned_away = True
        path = self.url.partition(b"?")[0].decode()
        self._say_busy(parser.get_method().decode("ascii"), path, self.headers, [], 0.0)
        self.on_response_complete()
        return True

    def _say_busy(
        self,
        method: str,
        path: str,
        headers: list[tuple[bytes, bytes]],
        more: list[tuple[bytes, bytes]],
        seconds: float,
    ) -> None:
        refusal: Refusal = self.app_state[REFUSAL]
        self.transport.write(refusal(method, path, headers, self.server_state.default_headers + more, seconds))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if not cycle.waiting_for_100_continue:  # what is written first would be that it may continue
            answer = HeadWithBody(cycle.transport, cycle.on_response)
            cycle.transport, cycle.on_response = answer, answer.end
        door: Doorkeeper | None = self.app_state.get(DOOR)
        lane = None if door is None else door.lane_of(cycle.scope["path"])
        if lane is None:
            super()._start_asgi_task(cycle, app)
        else:
            lane.comes(_Asked(self, cycle, app, lane))

    def send_400_response(self, msg: str) -> None:
        """Say that this was no HTTP."""
        self._refuse(400, "broken_request", msg)

    def _look(self) -> None:
        self._watch = self.loop.call_later(LOOK_SECONDS, self._look)
        if self._waits_too_long():
            self.transport.abort()  # closing would wait for the same
            return
        since = self._coming_since
        # While an answer is being made, a body that has been refused may stay unread.
        answering = self._is_turned_away or (cast("object", self.cycle) is not None and self.cycle.response_started)
        if since is not None and self.loop.time() - since > COMES_WITHIN_SECONDS and (self._in_head or not answering):
            self._refuse(408, "too_slow", f"A request must come within {COMES_WITHIN_SECONDS:g} seconds.")

    def _waits_too_long(self) -> bool:
        """Whether answers have stood in our memory for too long, because nobody reads them."""
        if self.transport.get_write_buffer_size() == 0:
            self._untaken_since = None
            return False
        if self._untaken_since is None:
            self._untaken_since = self.loop.time()
        return self.loop.time() - self._untaken_since > TAKEN_WITHIN_SECONDS

    def _refuse(self, status: int, code: str, detail: str) -> None:
        if self.transport.is_closing():
            return
        title, request_id = code.replace("_", " ").capitalize(), os.urandom(16).hex()
        body = orjson.dumps(
            {
                "type": TYPE_PREFIX + code, "title": title, "status": status, "detail": detail, "code": code,
                "request_id": request_id,
            }
        )  # fmt: skip
        head = (
            f"HTTP/1.1 {status} {title}\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
            f"x-request-id: {request_id}\r\n"
            "cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


class _Asked:
    """A request at the door."""

    __slots__ = ("_app", "_cycle", "_lane", "_protocol", "came_at")

    def __init__(
        self, protocol: BoundedProtocol, cycle: RequestResponseCycle, app: ASGI3Application, lane: Lane
    ) -> None:
        self._protocol, self._cycle, self._app, self._lane = protocol, cycle, app, lane
        self.came_at = perf_counter()
        cast("Scope", cycle.scope)[CAME_AT] = self.came_at

    @property
    def is_gone(self) -> bool:
        """Whether the connection was lost."""
        return self._cycle.disconnected

    def begin(self) -> None:
        """Hand it to the application."""
        self._protocol.begin(self._cycle, self._work)

    def refuse(self) -> None:
        """Say that there is too much to do."""
        if not self.is_gone:
            self._protocol.refuse(self._cycle, perf_counter() - self.came_at)

    async def _work(self, scope: UvicornScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            self._lane.left(perf_counter())
