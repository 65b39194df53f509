"""The ingestion routes alone, for tests of the processes around them."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from features.events.stream import EventStream
from features.online.connection import connect
from features.online.live_state import LiveState
from features.settings import read_settings
from recommender.ids import ItemNumber
from serving.clock import utc_now
from serving.events.routes import event_routes
from serving.events.use_cases import Ingest
from serving.problems import answer_with_problems
from tests.builders import open_gate


def create_app() -> FastAPI:
    """Every user consents; the catalogue has one item, `milk`."""
    redis = connect(read_settings())

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await redis.aclose()

    app = FastAPI(lifespan=lifespan)
    app.state.gate = open_gate()
    answer_with_problems(app)
    numbers = {"milk": ItemNumber(1)}
    ingest = Ingest(
        stream=EventStream(redis),
        live=LiveState(redis),
        number_of=numbers.get,
        personalisation_of=lambda user_id: True,
    )
    app.include_router(event_routes(ingest, utc_now))

    @app.get("/healthz")
    async def healthz() -> dict[str, int]:
        return {"pid": os.getpid()}

    return app
