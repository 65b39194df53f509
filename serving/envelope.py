"""What surrounds every request: its id, its bounds, its duration, what every answer says, and the last resort."""

import asyncio
import logging
from collections.abc import Iterable
from time import perf_counter
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.metrics import Metrics
from serving.problem_document import problem_response
from serving.problems import internal_problem
from serving.request_log import RequestLog
from serving.request_notes import NOTES, RequestNotes, notes_of

CAME_AT = "came_at"  # of a scope: when the head of the request was there, in seconds of `perf_counter`
MOST_HEADERS, LONGEST_QUERY = 100, 8_192
ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
# What an answer says of these itself, holds. Nearly all of them are about somebody: no cache keeps any.
UNLESS_SAID = (
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
# The reference at /docs takes its script and style from where FastAPI has them.
REFERENCE = (
    b"default-src 'none'; script-src 'unsafe-inline' https://cdn.jsdelivr.net; style-src 'unsafe-inline' "
    b"https://cdn.jsdelivr.net; img-src data: https://fastapi.tiangolo.com; connect-src 'self'; frame-ancestors 'none'"
)
BEHIND_TLS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")

log = logging.getLogger(__name__)


class Envelope:
    """ASGI middleware around the whole application."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        max_body_bytes: int,
        request_seconds: float = 30.0,
        slow_seconds: float = 1.0,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes
        self._request_seconds = request_seconds
        self._request_log = RequestLog(slow_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; `scope["request_id"]` names it from here on.

        `scope["added_headers"]`, where something sets it, goes into the answer.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started: float = scope.get(CAME_AT, perf_counter())
        notes, length = read_headers(scope["headers"])
        scope["request_id"] = notes.request_id
        scope["added_headers"] = ()
        status = 0
        noted = NOTES.set(notes)
        self._metrics.requests_active += 1

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = complete(message.get("headers", ()), scope, notes)
            await send(message)

        try:
            if (refused := _too_much(scope)) is not None:
                await refused(scope, receive, send_with_headers)
                return
            limit = asyncio.timeout(self._request_seconds)
            try:
                async with limit:
                    await self._app(scope, self._bounded(receive, length), send_with_headers)
            except TimeoutError:
                if not limit.expired():
                    raise
                if status:  # the answer had begun: its caller does not read it, and the server ends the connection
                    log.warning("request %s was not answered whole: %s", notes.request_id, _template(scope))
                    return
                await _too_slow(scope, self._request_seconds)(scope, receive, send_with_headers)
        except Exception:
            log.exception("request %s failed: %s", notes.request_id, _template(scope))
            if status:
                raise
            await internal_problem(scope)(scope, receive, send_with_headers)
        finally:
            self._metrics.requests_active -= 1
            method, route, seconds = scope["method"], _template(scope), perf_counter() - started
            self._metrics.request_answered(method, route, status, seconds)
            if "problem" in scope:
                self._metrics.problem_answered(scope["problem"])
            self._request_log.ended(notes, method, route, status, seconds)
            NOTES.reset(noted)

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


def complete(headers: Iterable[tuple[bytes, bytes]], scope: Scope, notes: RequestNotes) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, and what every answer says."""
    said = [*headers]
    names = {name for name, _ in said}
    if scope["path"] in {"/docs", "/redoc"}:
        names.add(b"content-security-policy")
        said.append((b"content-security-policy", REFERENCE))
    said.append((b"x-request-id", notes.request_id.encode()))
    if (trace := notes.traceresponse) is not None:
        said.append((b"traceresponse", trace))
    said += ALWAYS
    said += [header for header in UNLESS_SAID if header[0] not in names]
    said += scope["added_headers"]
    if scope["scheme"] == "https":
        said.append(BEHIND_TLS)
    return said


def _too_much(scope: Scope) -> Response | None:
    """Refuse what no caller of ours sends."""
    if len(scope["headers"]) > MOST_HEADERS:
        detail = f"The request may have at most {MOST_HEADERS} headers."
        return problem_response(scope, 431, "too_many_headers", detail, remedy="Send fewer headers.")
    if len(scope["query_string"]) > LONGEST_QUERY:
        detail = f"The query may have at most {LONGEST_QUERY:,} bytes."
        return problem_response(scope, 414, "query_too_long", detail, remedy="Ask for less in one request.")
    return None


def _too_slow(scope: Scope, seconds: float) -> Response:
    log.warning("request %s took longer than %g s: %s", scope["request_id"], seconds, _template(scope))
    detail = f"The request took longer than {seconds:g} seconds."
    headers = {"retry-after": "1", "connection": "close"}
    return problem_response(scope, 503, "too_slow", detail, remedy="Try again later, or ask for less.", headers=headers)


def _too_large(most: int) -> HTTPException:
    # Closing the connection spares us from reading what is left of the body.
    return HTTPException(413, f"The body may have at most {most:,} bytes.", headers={"connection": "close"})


def read_headers(headers: list[tuple[bytes, bytes]]) -> tuple[RequestNotes, int | None]:
    """What the caller calls the request and its trace, and the announced length of the body."""
    request_id = trace = None
    length = None
    for name, value in headers:
        if name == b"x-request-id":
            request_id = value
        elif name == b"traceparent":
            trace = value if trace is None else b""  # two of them are none
        elif name == b"content-length" and value.isdigit():
            length = int(value)
    return notes_of(request_id, trace), length


def _template(scope: Scope) -> str:
    """Path of the route with its parameters' names, so that the metric has few labels."""
    route: Any = scope.get("route")
    return getattr(route, "path", "unmatched")
