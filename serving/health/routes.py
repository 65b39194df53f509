"""Routes for whoever operates the service: is it alive, can it answer, what has it counted."""

import asyncio
from collections.abc import Callable

from fastapi import APIRouter
from sqlalchemy import Engine
from starlette.responses import Response

from features.breaker import Breaker
from features.events.backlog import Backlog
from features.events.stream import EventStream
from features.sql.engine import read_change_number, reading
from recommender.errors import StoreUnavailable
from serving.access import FREE, ScopedRoute, needs
from serving.current import Current
from serving.encoding import json_response
from serving.health.schemas import Alive, Readiness
from serving.metrics import Metrics
from serving.process_metrics import process_page
from serving.stream_metrics import stream_page

SQL_DEADLINE_SECONDS = 2.0


def health_routes(
    current: Current,
    engine: Engine,
    metrics: Metrics,
    stream: EventStream,
    why_not: Callable[[], str | None],
    live: Breaker,
    redis: Breaker,
) -> APIRouter:
    """The routes; `why_not` says what keeps the artifact from being loaded.

    `live` knows whether live state is read in time, `redis` whether Redis is there.
    """
    router = APIRouter(tags=["health"], route_class=ScopedRoute)

    @router.get("/healthz", response_model=Alive, openapi_extra=needs(FREE))
    async def is_alive() -> Response:
        """Say that this worker answers; nothing else is looked at."""
        return json_response({"status": "alive"})

    @router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness}}, openapi_extra=needs(FREE))
    async def is_ready() -> Response:
        """Say whether recommendations can be answered, and if not, why; and what is answered less well, or refused.

        Without the database money and consent are refused, but recommendations go on: so it is ready.
        """
        reasons = [] if current.artifact_id is not None else [why_not() or "The artifact is being loaded."]
        sql = await _why_no_sql(engine)
        degraded = [] if sql is None else [sql]
        if live.is_open:
            degraded.append("Redis is late or gone: recommendations go without live state.")
        if redis.is_open:
            degraded.append("Redis does not answer: offers, events and withdrawals of consent are refused.")
        content = {
            "ready": not reasons, "artifact_id": current.artifact_id, "reasons": reasons, "degraded": degraded,
        }  # fmt: skip
        return json_response(content, 503 if reasons else 200)

    @router.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}},
        openapi_extra=needs(FREE),
    )
    async def read_metrics() -> Response:
        """Metrics of all workers, of the event stream, of the drain and of the processes, for Prometheus."""
        page, content_type = await asyncio.to_thread(metrics.page)
        page += stream_page(await _backlog(stream), stream.waiting_bytes)
        page += await asyncio.to_thread(process_page)
        return Response(page, headers={"content-type": content_type})

    return router


async def _backlog(stream: EventStream) -> Backlog | None:
    try:
        return await stream.backlog()
    except StoreUnavailable:
        return None


async def _why_no_sql(engine: Engine) -> str | None:
    def read() -> None:
        with reading(engine) as connection:
            read_change_number(connection)

    try:
        async with asyncio.timeout(SQL_DEADLINE_SECONDS):
            await asyncio.to_thread(read)
    except (StoreUnavailable, TimeoutError) as error:
        return str(error) or "The database does not answer."
    return None
