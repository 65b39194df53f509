"""Routes of placements."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from features.sql.placement_store import PlacementStore
from recommender.ids import PlacementId
from recommender.placements import parse_placement
from serving.access import PLACEMENTS_READ, PLACEMENTS_WRITE, ScopedRoute, author_of, needs
from serving.encoding import json_response
from serving.placements.registry import Entry, Placements
from serving.placements.schemas import PlacementBody, PlacementList, PlacementName, PlacementReply
from serving.problem_document import documented

Id = Annotated[PlacementName, Path(examples=["home"])]


def placement_routes(
    placements: Placements, store: PlacementStore, announce: Callable[[], Awaitable[None]]
) -> APIRouter:
    """The routes; `announce` wakes the workers after a change in SQL."""
    router = APIRouter(prefix="/v1/placements", tags=["placements"], route_class=ScopedRoute)
    reads, writes = needs(PLACEMENTS_READ), needs(PLACEMENTS_WRITE)

    @router.get("", response_model=PlacementList, openapi_extra=reads)
    async def list_placements() -> Response:
        """List all placements."""
        return json_response({"placements": [_reply(entry) for entry in placements.all()]})

    @router.get("/{placement_id}", response_model=PlacementReply, responses=documented(404, 422), openapi_extra=reads)
    async def read_placement(placement_id: Id) -> Response:
        """Read one placement as it is in force."""
        return json_response(_reply(placements.entry(PlacementId(placement_id))))

    @router.put(
        "/{placement_id}",
        response_model=PlacementReply,
        responses=documented(400, 413, 415, 422, 503),
        openapi_extra=writes,
    )
    async def save_placement(placement_id: Id, body: PlacementBody, request: Request) -> Response:
        """Save a placement; it holds on every worker within a tenth of a second.

        One that cannot be parsed, or that contradicts itself, is refused with the reason.
        """
        name = PlacementId(placement_id)
        definition = body.model_dump(exclude_unset=True)
        parse_placement(name, definition)
        await asyncio.to_thread(store.put, name, definition, by=author_of(request))
        placements.take_saved([(name, definition)])
        await announce()
        return json_response(_reply(placements.entry(name)))

    return router


def _reply(entry: Entry) -> dict[str, object]:
    return {"placement_id": entry.placement.placement_id, "origin": entry.origin, "definition": entry.definition}
