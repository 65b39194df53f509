"""A small shop with real stores: Valkey, SQLite, an artifact on disk, and the service over them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import numpy as np
from fastapi import FastAPI

from features.artifact.manifest import IndexEntry, Manifest
from features.artifact.shelf import ArtifactShelf
from features.artifact.write import write_artifact
from features.settings import Settings
from features.sql.catalogue_store import CatalogueStore
from features.sql.engine import migrate, open_engine
from recommender.catalogue import CatalogueItem
from recommender.ids import UserId
from recommender.model import Histories
from serving.app import create_app
from tests.builders import NOW_DAY, item, small_model
from tests.databases import new_sqlite

NOW = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=NOW_DAY)
REGULAR = UserId("regular")  # has a history: bought the items of rows 0 to 4, each in three orders
READY_SECONDS = 60.0


class Shop:
    """The stores of one shop in a data folder; `n_items` items "i0", "i1", ... in the catalogue."""

    def __init__(self, data_dir: Path, n_items: int = 40, **settings: Any) -> None:
        self.settings = Settings(data_dir=data_dir, **({"trace_sample": 0.0, "redis_deadline_ms": 500} | settings))
        if self.settings.database_url is None:
            new_sqlite(data_dir)
        self.engine = open_engine(self.settings)
        migrate(self.engine)
        self.catalogue = CatalogueStore(self.engine)
        self.shelf = ArtifactShelf(self.settings.artifacts_dir)
        self.catalogue.upsert_many([item(number) for number in range(n_items)])

    def publish(self, artifact_id: str, seed: int = 0) -> Path:
        """Publish an artifact of the catalogue as it is; returns its folder."""
        items, change_number = self.catalogue.read_snapshot()
        model = replace(
            small_model(np.random.default_rng(seed), len(items), histories=regular_history()), version=artifact_id
        )
        manifest = Manifest(
            artifact_id=artifact_id, cut_day=model.cut_day, change_number=change_number,
            published_at=f"2026-11-0{1 + seed}T00:00:00+00:00",
            inputs={"config": {"embedding": {"alpha": 1.0, "regularization": 1.0}}},
            counts={}, metrics={}, response={}, gate={}, gains={}, index=IndexEntry(model.index.kind, 5, 1.0, 1.0),
            seconds={}, peak_memory_mib=1.0,
        )  # fmt: skip
        folder = self.shelf.beside(artifact_id)
        folder.parent.mkdir(parents=True, exist_ok=True)
        write_artifact(folder, model, items, manifest)
        self.shelf.publish(folder)
        return self.shelf.path(artifact_id)

    def change(self, item_id: str, **facts: Any) -> None:
        """Change an item in SQL, as another process would."""
        self.catalogue.put(replace(self.item(item_id), **facts))

    def item(self, item_id: str) -> CatalogueItem:
        return next(found for found in self.catalogue.read_all() if found.item_id == item_id)

    def app(self) -> FastAPI:
        """One more worker."""
        return create_app(self.settings, clock=lambda: NOW)

    def run(self, use: Callable[["Client"], Awaitable[None]], *, ready: bool = True) -> None:
        """Run the service while `use` talks to it."""

        async def main() -> None:
            async with serving(self.app()) as client:
                if ready:
                    await client.wait_until_ready()
                await use(client)

        asyncio.run(main())


class Client(httpx.AsyncClient):
    """Talks to the service in this process."""

    async def wait_until_ready(self, artifact_id: str | None = None) -> None:
        async with asyncio.timeout(READY_SECONDS):
            while True:
                state = (await self.get("/readyz")).json()
                if state["ready"] and artifact_id in {None, state["artifact_id"]}:
                    return
                await asyncio.sleep(0.02)

    async def recommend(self, placement: str = "home", **body: Any) -> dict[str, Any]:
        """Ask as a visitor who agrees, unless `body` says otherwise."""
        agreed = {"placement": placement, "consent": {"personalisation": True}}
        response = await self.post("/v1/recommendations", json=agreed | body)
        assert response.status_code == 200, response.text
        return response.json()

    async def shown(self, placement: str = "home", **body: Any) -> list[str]:
        return item_ids(await self.recommend(placement, **body))


def item_ids(reply: dict[str, Any]) -> list[str]:
    return [entry["item_id"] for entry in reply["items"]]


@cache
def openapi_document() -> dict[str, Any]:
    """What the service says of its routes, whatever its settings are; to write it takes longer than most tests."""
    with TemporaryDirectory() as folder:
        return create_app(Settings(data_dir=Path(folder))).openapi()


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[Client]:
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with Client(transport=transport, base_url="http://shop") as client:
            while not app.state.gate.is_ready:
                await asyncio.sleep(0.01)
            yield client


def regular_history(rows: Sequence[int] = (0, 1, 2, 3, 4)) -> Histories:
    n = len(rows)
    return Histories(
        cut_day=NOW_DAY - 1.0,
        position_of={REGULAR: 0},
        offsets=np.array([0, n], dtype=np.int64),
        rows=np.array(rows, dtype=np.int32),
        baskets=np.full(n, 3, dtype=np.float32),
        decayed_short=np.full(n, 1.5, dtype=np.float32),
        decayed_long=np.full(n, 2.5, dtype=np.float32),
        first_day=np.full(n, NOW_DAY - 60),
        last_day=np.full(n, NOW_DAY - 10),
        n_baskets=np.array([3], dtype=np.int32),
        first_basket_day=np.array([NOW_DAY - 60]),
        coupons_redeemed=np.zeros(1, dtype=np.float32),
        coupons_expected=np.zeros(1, dtype=np.float32),
    )
