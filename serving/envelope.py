"""What surrounds every request: its id, the bound on its body, its duration, and the answer when all else fails."""

import logging
import os
import re
from time import perf_counter
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.metrics import Metrics
from serving.problems import internal_problem

REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")
TRACEPARENT = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context

log = logging.getLogger(__name__)


class Envelope:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, metrics: Metrics, max_body_bytes: int) -> None:
        self._app = app
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; `scope["request_id"]` names it from here on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        given_id, length = _read_headers(scope["headers"])
        scope["request_id"] = given_id or os.urandom(16).hex()
        id_header = (b"x-request-id", scope["request_id"].encode())
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), id_header]
            await send(message)

        bounded = self._bounded(receive, length)
        try:
            await self._app(scope, bounded, send_with_id)
        except Exception:
            log.exception("request %s failed: %s %s", scope["request_id"], scope["method"], scope["path"])
            if status:
                raise
            await internal_problem(scope)(scope, receive, send_with_id)
        finally:
            self._metrics.request_answered(scope["method"], _template(scope), status, perf_counter() - started)

    def _bounded(self, receive: Receive, length: int | None) -> Receive:
        """Refuse a body that is too large: one that says so before it is read, another as soon as it shows."""
        most = self._max_body_bytes
        if length is not None and 0 <= length <= most:
            return receive  # the server enforces the announced length
        read = 0

        async def receive_bounded() -> Message:
            nonlocal read
            if length is not None and length > most:
                raise _too_large(most)
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise _too_large(most)
            return message

        return receive_bounded


def _too_large(most: int) -> HTTPException:
    # Closing the connection spares us from reading what is left of the body.
    return HTTPException(413, f"The body may have at most {most:,} bytes.", headers={"connection": "close"})


def _read_headers(headers: list[tuple[bytes, bytes]]) -> tuple[str | None, int | None]:
    """The caller's own id of the request (else that of its trace), and the announced length of the body."""
    request_id = trace_id = None
    length = None
    for name, value in headers:
        if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
            request_id = value.decode()
        elif name == b"traceparent" and (trace := TRACEPARENT.fullmatch(value)):
            trace_id = trace.group(1).decode()
        elif name == b"content-length" and value.isdigit():
            length = int(value)
    return request_id or trace_id, length


def _template(scope: Scope) -> str:
    """Path of the route with its parameters' names, so that the metric has few labels."""
    route: Any = scope.get("route")
    return getattr(route, "path", "unmatched")
