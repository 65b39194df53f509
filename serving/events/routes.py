"""Routes of ingestion."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import ValidationError
from pydantic_core import to_json
from starlette.responses import Response

from recommender.errors import InvalidInput
from serving.access import EVENTS_WRITE, needs
from serving.clock import Clock
from serving.encoding import json_response
from serving.events.schemas import BATCH_BYTES, EVENT_BYTES, BatchCall, BatchReply, EventReply, TrackCall
from serving.events.use_cases import Ingest, Outcome
from serving.json_route import JsonRoute
from serving.problem_document import documented


def event_routes(ingest: Ingest, clock: Clock) -> APIRouter:
    """The routes, answered by `ingest`."""
    router = APIRouter(prefix="/v1", tags=["events"], route_class=JsonRoute)
    problems, writes = documented(400, 413, 415, 422, 503), needs(EVENTS_WRITE)

    @router.post("/track", response_model=EventReply, responses=problems, openapi_extra=writes)
    async def track(body: TrackCall, request: Request) -> Response:
        """Take in one event. 200: it is safe, and counts for the next recommendation."""
        await _limit(request, EVENT_BYTES)
        [outcome] = await ingest([body], clock(), privacy_signal=_privacy_signal(request))
        if outcome.status == "rejected":
            raise InvalidInput(outcome.reason or "", field=outcome.field)
        return json_response(asdict(outcome))

    @router.post("/batch", response_model=BatchReply, responses=problems, openapi_extra=writes)
    async def batch(body: BatchCall, request: Request) -> Response:
        """Take in up to 2,500 events, each judged by itself. 200: the accepted ones are safe."""
        n_bytes = await _limit(request, BATCH_BYTES)
        calls = [_parse(event, body.context, measure=n_bytes > EVENT_BYTES) for event in body.batch]
        outcomes = await ingest(calls, clock(), sent_at=body.sentAt, privacy_signal=_privacy_signal(request))
        counts = dict.fromkeys(("accepted", "duplicate", "rejected"), 0)
        for outcome in outcomes:
            counts[outcome.status] += 1
        return json_response({"success": True, **counts, "events": [asdict(outcome) for outcome in outcomes]})

    return router


async def _limit(request: Request, most: int) -> int:
    """Size of the body in bytes; refuses one above `most`."""
    n_bytes = len(await request.body())
    if n_bytes > most:
        raise HTTPException(413, f"This path takes at most {most:,} bytes, got {n_bytes:,}.")
    return n_bytes


def _parse(event: dict[str, Any], context: dict[str, Any] | None, *, measure: bool) -> TrackCall | Outcome:
    message_id = event.get("messageId") if isinstance(event.get("messageId"), str) else None
    if measure and len(to_json(event)) > EVENT_BYTES:
        return Outcome(message_id=message_id, status="rejected", reason=f"larger than {EVENT_BYTES:,} bytes")
    if context is not None and "context" not in event:
        event = event | {"context": context}
    try:
        return TrackCall.model_validate(event)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        return Outcome(message_id=message_id, status="rejected", field=field, reason=first["msg"])


def _privacy_signal(request: Request) -> bool:
    """Whether the browser sent Global Privacy Control."""
    return request.headers.get("sec-gpc") == "1"
