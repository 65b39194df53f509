"""Routes of ingestion: Segment's calls, under the paths that its libraries use."""

from dataclasses import asdict
from typing import get_args

from fastapi import APIRouter, Request
from starlette.responses import Response

from recommender.errors import InvalidInput
from serving.access import EVENTS_WRITE, Access, ScopedRoute, needs
from serving.clock import Clock
from serving.encoding import json_response
from serving.events.arrival import Arrival
from serving.events.bodies import read_batch, read_body, read_key
from serving.events.documentation import body_of
from serving.events.schemas import BATCH_BYTES, EVENT_BYTES, Batch, BatchReply, Call, EventReply, Kind
from serving.events.use_cases import Ingest
from serving.problem_document import documented

SHORT = {"track": "t", "identify": "i", "page": "p", "screen": "s", "group": "g", "alias": "a"}  # in browsers
MEANINGS: dict[Kind, str] = {
    "track": "Take in one event. 200: it is safe, and counts for the next recommendation.",
    "identify": "Say who an anonymous visitor is, and what identifies them: loyalty card, email, phone.",
    "page": "Take in the view of a page.",
    "screen": "Take in the view of a screen of an app.",
    "group": "Say which group a person belongs to.",
    "alias": "Say that an anonymous id was that of a user.",
}
EVENTS_PER_REQUEST = 10  # of a batch, that count as one request to the limits of callers
REMEDY = "Correct the field; what each event needs is in docs/events.md."


def event_routes(ingest: Ingest, clock: Clock) -> APIRouter:
    """The routes, answered by `ingest`."""
    router = APIRouter(prefix="/v1", tags=["events"], route_class=ScopedRoute)
    problems, writes = documented(400, 401, 403, 413, 415, 422, 503), needs(EVENTS_WRITE, key_in_body=True)

    def add_call(kind: Kind) -> None:
        async def take_in(request: Request) -> Response:
            body = await read_body(request, EVENT_BYTES)
            arrival = _arrival(request, clock, read_key(body))
            [outcome] = await ingest([body], arrival, kind=kind)
            if outcome.status == "rejected":
                raise InvalidInput(outcome.reason or "", field=outcome.field, remedy=REMEDY)
            return json_response(asdict(outcome))

        router.add_api_route(
            f"/{kind}", take_in, methods=["POST"], response_model=EventReply, responses=problems, name=kind,
            description=MEANINGS[kind], openapi_extra=writes | body_of(Call),
        )  # fmt: skip
        router.add_api_route(
            f"/{SHORT[kind]}", take_in, methods=["POST"], include_in_schema=False, openapi_extra=writes
        )

    for kind in get_args(Kind):
        add_call(kind)

    async def batch(request: Request) -> Response:
        """Take in up to 2,500 events, each judged by itself. 200: the accepted ones are safe."""
        sent = read_batch(await read_body(request, BATCH_BYTES))
        arrival = _arrival(request, clock, sent.writeKey, sent)
        request.app.state.gate.charge(request.scope, (len(sent.batch) - 1) // EVENTS_PER_REQUEST)
        outcomes = await ingest(sent.batch, arrival, shared_context=sent.context)
        counts = dict.fromkeys(("accepted", "duplicate", "rejected"), 0)
        for outcome in outcomes:
            counts[outcome.status] += 1
        return json_response({"success": True, **counts, "events": outcomes})

    router.add_api_route(
        "/batch",
        batch,
        methods=["POST"],
        response_model=BatchReply,
        responses=problems,
        openapi_extra=writes | body_of(Batch),
    )
    for path in ("/b", "/import"):  # of the libraries for phones
        router.add_api_route(path, batch, methods=["POST"], include_in_schema=False, openapi_extra=writes)
    return router


def _arrival(request: Request, clock: Clock, key_in_body: str | None, batch: Batch | None = None) -> Arrival:
    access: Access = request.state.access
    if EVENTS_WRITE not in access.scopes:
        access = request.app.state.gate.admit_key(key_in_body, request.scope, EVENTS_WRITE)
    now = clock()
    return Arrival(
        now=now,
        received_at=now,
        access=access,
        sent_at=None if batch is None else batch.sentAt,
        privacy_signal=request.headers.get("sec-gpc") == "1",
    )
