"""The OpenAPI document: what FastAPI finds in the routes, and what it cannot know."""

import asyncio
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.access import FREE, SCOPE
from serving.problem_document import Problem, documented

DESCRIPTION = """
Real-time personalisation for retail: ranked items for every place of a shop, from purchase histories and from what
happened a moment ago.

Errors are problems as in RFC 9457, with a stable `code` and what to do about them. Money is an integer in minor units
with its currency; times are RFC 3339 in UTC. Every answer carries `X-Request-Id`: the one that was sent, else the trace
id of `traceparent`, else a new one. `Sec-GPC: 1` is honoured: nothing personal is read or kept.

Any call may also be answered by what surrounds the routes, with a problem like theirs: 408 if the request has not come
whole in time (the connection is closed), 414 for a query and 431 for headers that are too long, 429 with `Retry-After`
to who calls too often, and 503 if the answer takes too long. A batch of events counts as one call for every ten.
"""

TAGS = [
    {"name": "recommendations", "description": "Ranked items for a placement, a page, an item or a basket."},
    {"name": "events", "description": "What shoppers do, in the shapes of Segment; the next answer knows of it."},
    {"name": "catalogue", "description": "Items and stock; a change is honoured within a tenth of a second."},
    {"name": "placements", "description": "Where items are shown, and by which rules."},
    {
        "name": "campaigns",
        "description": "Coupons that may be given, to whom, and what they may cost; docs/campaigns.md.",
    },
    {"name": "places", "description": "Stores, their zones, and the beacons in them; docs/places.md."},
    {"name": "decisions", "description": "Why a list looks as it does."},
    {"name": "profiles", "description": "Who is one person, across channels; merging people, and taking it back."},
    {"name": "audit", "description": "Who changed what; docs/audit.md."},
    {"name": "consents", "description": "What people allow and want to hear; the history, and a feed of all changes."},
    {"name": "preference centre", "description": "The page on which shoppers choose themselves, by a signed link."},
    {"name": "coupons", "description": "Tills validate, reserve, redeem and roll back; shoppers see their wallet."},
    {"name": "health", "description": "For whoever operates the service."},
]


def describe(app: FastAPI) -> None:
    """Give the application its title and texts, and the schema of problems that its routes refer to."""
    app.title = "Recommender"
    app.version = version("retail-recommender")
    app.description = DESCRIPTION
    app.openapi_tags = TAGS
    found = app.openapi

    def openapi() -> dict[str, Any]:
        document = found()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(problem.pop("$defs"))
        schemas["Problem"] = problem
        for operations in document["paths"].values():
            for operation in operations.values():
                around = documented(*_statuses_around(operation))
                operation["responses"] = {str(status): said for status, said in around.items()} | operation["responses"]
        return document

    app.openapi = openapi
    _serve(app)


def _serve(app: FastAPI) -> None:
    """Answer with the document as it was encoded once: anybody may ask, and it is large."""

    @cache
    def encoded() -> tuple[bytes, str]:
        body = orjson.dumps(app.openapi())
        return body, f'"{sha256(body).hexdigest()[:32]}"'

    async def document(request: Request) -> Response:
        body, etag = await asyncio.to_thread(encoded)  # to make it takes long, the first time
        headers = {"etag": etag, "cache-control": "public, max-age=60"}
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="application/json", headers=headers)

    own = Route(app.openapi_url or "", document, include_in_schema=False)
    app.router.routes[:] = [own if getattr(route, "path", None) == own.path else route for route in app.router.routes]


def _statuses_around(operation: dict[str, Any]) -> list[int]:
    """What the gate and the envelope may answer to an operation in place of its route."""
    gate = [] if operation.get(SCOPE) == FREE else [401, 403, 429]
    has_query = any(parameter["in"] == "query" for parameter in operation.get("parameters", ()))
    return [*gate, 414] if has_query else gate
