"""The route of the audit trail."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import Engine
from starlette.responses import Response

from features.sql.audit_store import read_sealed
from serving.access import AUDIT_READ, ScopedRoute, needs
from serving.audit.schemas import AuditPage, audit_reply
from serving.encoding import json_response
from serving.problem_document import documented

LARGEST = 2**62


def audit_routes(engine: Engine) -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/v1/audit", tags=["audit"], route_class=ScopedRoute)

    @router.get("", response_model=AuditPage, responses=documented(422, 503), openapi_extra=needs(AUDIT_READ))
    async def list_audit(
        after: Annotated[int, Query(ge=0, le=LARGEST, description="`next_after` of the page before.")] = 0,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> Response:
        """List who changed what, in the order of sealing: who goes on from `next_after` misses nothing.

        A write is here within seconds; what is not sealed yet is not.
        """
        return json_response(audit_reply(await asyncio.to_thread(read_sealed, engine, after, limit), after))

    return router
