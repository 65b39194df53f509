"""An application whose workers are ready when a file of their process id is in the data folder."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from features.settings import read_settings


def create_app() -> FastAPI:
    """It answers, ready or not."""
    mark = read_settings().data_dir / f"ready-{os.getpid()}"

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, object]]:
        yield {"is_ready": mark.exists}

    app = FastAPI(lifespan=lifespan)

    @app.get("/healthz")
    async def healthz() -> dict[str, int]:
        return {"pid": os.getpid()}

    return app
