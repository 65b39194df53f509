"""What browsers ask before a page of the shop may call us from another origin (CORS)."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.problem_document import problem_response

SENT = "authorization, content-type, content-encoding, x-user-token, x-request-id, traceparent, sec-gpc"
SEEN = "x-request-id, traceresponse, retry-after, ratelimit, ratelimit-policy"
KEPT_SECONDS = 7_200  # as long as browsers keep the answer at most
VARY = (b"vary", b"origin")


class Cors:
    """ASGI middleware. A preflight names no key, so it is answered for the pages of all publishable keys.

    The gate then holds each key to its own. There are no cookies, so no credentials are allowed.

    Args:
        origins: of all those pages, now.
    """

    def __init__(self, app: ASGIApp, origins: Callable[[], AbstractSet[str]]) -> None:
        self._app, self._origins = app, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight; let the page of another request read the answer."""
        headers = dict(scope["headers"]) if scope["type"] == "http" else {}
        given = headers.get(b"origin")
        if given is None:
            await self._app(scope, receive, send)
            return
        origin = given.decode("latin-1")
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            is_known = origin in self._origins()
            await _answer_preflight(scope, origin if is_known else None)(scope, receive, send)
            return
        added = readable_by(given, self._origins())

        async def send_with_cors(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        await self._app(scope, receive, send_with_cors)


def readable_by(origin: bytes, known: AbstractSet[str]) -> list[tuple[bytes, bytes]]:
    """Headers by which a page of this origin may read an answer, if it is one of those known."""
    if origin.decode("latin-1") not in known:
        return [VARY]
    return [VARY, (b"access-control-allow-origin", origin), (b"access-control-expose-headers", SEEN.encode())]


def _answer_preflight(scope: Scope, origin: str | None) -> Response:
    if origin is None:
        return problem_response(
            scope, 403, "not_allowed", "No key is for pages of this origin.", headers={"vary": "origin"},
            remedy="Make one: recommender keys create publishable --origin https://shop.example.",
        )  # fmt: skip
    return Response(
        status_code=204,
        headers={
            "access-control-allow-origin": origin,
            "access-control-allow-methods": "GET, POST",
            "access-control-allow-headers": SENT,
            "access-control-max-age": str(KEPT_SECONDS),
            "vary": "origin",
        },
    )
