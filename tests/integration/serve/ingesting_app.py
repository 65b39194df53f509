"""The ingestion routes alone, for tests of the processes around them."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from features.online.connection import connect
from features.settings import read_settings
from serving.clock import utc_now
from serving.events.routes import event_routes
from serving.problems import answer_with_problems
from tests.gates import open_gate
from tests.ingesting import ingest_over


def create_app() -> FastAPI:
    """Every user consents; the catalogue has one item, `milk`."""
    settings = read_settings()
    redis = connect(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await redis.aclose()

    app = FastAPI(lifespan=lifespan)
    app.state.gate = open_gate()
    answer_with_problems(app)
    ingest = ingest_over(redis, settings)
    app.include_router(event_routes(ingest, utc_now))

    @app.get("/healthz")
    async def healthz() -> dict[str, int]:
        return {"pid": os.getpid()}

    return app
