"""HTTP on one connection: uvicorn's, with bounds on a request's head and on the time that it takes to come."""

import asyncio
import os
from typing import cast

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serving.admission import ARRIVED
from serving.problem_document import MEDIA_TYPE, TYPE_PREFIX

LARGEST_HEAD = 64 * 1024  # bytes of request line and headers, beyond the chunk that they began in
COMES_WITHIN_SECONDS = 20.0  # from the first byte of a request to its last, and from the connection to its first
LOOK_SECONDS = 5.0
LINGERS_SECONDS = 0.5  # of an idle connection, when the worker ends


class BoundedProtocol(HttpToolsProtocol):
    """Ends connections that trickle; answers what is no HTTP with a problem."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - as uvicorn's own
        """Begin to watch it."""
        super().connection_made(transport)
        self._in_head, self._began_here, self._head_bytes, self._ending = False, False, 0, False
        self._coming_since: float | None = self.loop.time()
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
        self._in_head, self._began_here, self._head_bytes = True, True, 0
        self._coming_since = self.loop.time()

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._in_head = False
        super().on_headers_complete()
        self.scope[ARRIVED] = self.loop.time(), len(self.tasks)  # pyright: ignore[reportGeneralTypeIssues] - a key of our own
        if self._ending:
            self.cycle.keep_alive = False  # the answer says that it is the last one here

    def on_message_complete(self) -> None:
        """All of it is there; the next one may take its time to begin."""
        self._coming_since = None
        super().on_message_complete()

    def shutdown(self) -> None:
        """End after the answer under way; when idle, a little later, because a request may be on its way already."""
        self._ending = True
        if cast("object", self.cycle) is None or self.cycle.response_complete:
            self.loop.call_later(LINGERS_SECONDS, super().shutdown)
        else:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Say that this was no HTTP."""
        self._refuse(400, "broken_request", msg)

    def _look(self) -> None:
        self._watch = self.loop.call_later(LOOK_SECONDS, self._look)
        since = self._coming_since
        # While an answer is being made, a body that has been refused may stay unread.
        answering = not self._in_head and cast("object", self.cycle) is not None and self.cycle.response_started
        if since is not None and self.loop.time() - since > COMES_WITHIN_SECONDS and not answering:
            self._refuse(408, "too_slow", f"A request must come within {COMES_WITHIN_SECONDS:g} seconds.")

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
