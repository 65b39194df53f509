"""An application whose door takes one request of each kind at a time and lets nobody wait; /never waits for the end."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from serving.admission import Doorkeeper
from serving.http_protocol import DOOR, REFUSAL
from serving.lane import Lane
from serving.metrics import Metrics
from serving.refusal import Refusal

PAGE = "https://shop.example"


class FullDoor(Doorkeeper):
    """A door that nobody looks after, where nobody may wait."""

    def __init__(self) -> None:
        super().__init__(0.05, 1, Metrics())
        self.lanes = dict[str, Lane]()

    def lane_of(self, path: str) -> Lane | None:
        """One lane a path."""
        return None if path == "/healthz" else self.lanes.setdefault(path, Lane(few=0, many=0, patience_seconds=0.05))


def create_app() -> Starlette:
    """Build it."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[dict[str, object]]:
        yield {DOOR: FullDoor(), REFUSAL: Refusal(Metrics(), lambda: frozenset({PAGE}))}

    async def answer(request: Request) -> Response:
        while request.url.path == "/never" and not await request.is_disconnected():
            await asyncio.sleep(0.05)
        return PlainTextResponse("ok")

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])], lifespan=lifespan)
