"""The catalogue over HTTP: what is stated is in force, and what is wrong is named."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from redis.asyncio import Redis

from features.sql.catalogue_store import CatalogueStore
from features.sql.engine import engine_of
from features.sql.stock_store import StockStore
from serving.catalogue.change_signal import ChangeSignal
from serving.catalogue.overlay import CatalogueOverlay
from serving.catalogue.routes import catalogue_routes
from serving.catalogue.use_cases import CatalogueDesk
from serving.problems import answer_with_problems
from tests.databases import new_sqlite
from tests.gates import open_gate

NOW = datetime(2026, 5, 31, 12, tzinfo=UTC)
MILK = {"title": "Milk", "price": {"amount": 199, "currency": "USD"}, "category": "DAIRY", "stock": 3}


@pytest.fixture
def overlay(tmp_path: Path) -> Iterator[CatalogueOverlay]:
    engine = engine_of(new_sqlite(tmp_path))
    signal = ChangeSignal(Redis(unix_socket_path=str(tmp_path / "nobody.sock")))
    yield CatalogueOverlay(
        engine, signal, take_placements=lambda _: None, take_consents=lambda _: None, take_keys=lambda _: None
    )
    engine.dispose()


class Client:
    """Calls the application, one request at a time."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def __call__(self, method: str, path: str, body: object = None) -> Response:
        async def call() -> Response:
            async with AsyncClient(transport=ASGITransport(self._app), base_url="http://test") as client:
                return await client.request(method, f"/v1/catalogue{path}", json=body)

        return asyncio.run(call())


@pytest.fixture
def client(overlay: CatalogueOverlay) -> Client:
    engine = overlay._engine
    desk = CatalogueDesk(CatalogueStore(engine), StockStore(engine), overlay.announce)
    app = FastAPI()
    app.state.gate = open_gate()
    app.include_router(catalogue_routes(desk, lambda: NOW))
    answer_with_problems(app)
    return Client(app)


def test_an_item_comes_back_as_it_was_stated(client: Client, overlay: CatalogueOverlay) -> None:
    stated = client("PUT", "/items/a/b", MILK)
    assert stated.status_code == 200
    assert stated.json() == client("GET", "/items/a/b").json()
    assert stated.json() | MILK == stated.json()
    assert stated.json()["added_at"] == "2026-05-31T12:00:00+00:00"
    row = overlay.catalogue.row_of("a/b")
    assert overlay.catalogue.visible[row]
    assert client("PUT", "/items/a/b", MILK | {"hidden": True}).status_code == 200
    assert not overlay.catalogue.visible[row]


def test_a_deleted_item_is_gone_and_keeps_its_number(client: Client, overlay: CatalogueOverlay) -> None:
    number = client("PUT", "/items/a", MILK).json()["item_number"]
    assert client("DELETE", "/items/a").status_code == 204
    assert not overlay.catalogue.visible[overlay.catalogue.row_of("a")]
    for method in ("GET", "DELETE"):
        problem = client(method, "/items/a")
        assert (problem.status_code, problem.json()["code"]) == (404, "unknown_item")
    assert client("PUT", "/items/a", MILK).json()["item_number"] == number


def test_stock_is_changed_for_all_lines_or_none(client: Client, overlay: CatalogueOverlay) -> None:
    client("PUT", "/items/a", MILK)
    lines = [{"item_id": "a", "quantity": 0}, {"item_id": "z", "quantity": 0}]
    problem = client("PATCH", "/stock", {"lines": lines})
    assert problem.status_code == 404
    assert problem.json()["errors"][0]["pointer"] == "/lines/1/item_id"
    assert client("GET", "/items/a").json()["stock"] == 3
    lines[1] = {"item_id": "a", "store_id": "s", "quantity": 0}
    assert client("PATCH", "/stock", {"lines": lines}).json()["lines"] == 2
    row = overlay.catalogue.row_of("a")
    assert not overlay.catalogue.in_stock[row]
    assert overlay.catalogue.store_stock["s"].rows.tolist() == [row]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/title"),
        (MILK | {"titel": "x"}, "/titel"),
        (MILK | {"price": {"amount": 1.5, "currency": "USD"}}, "/price/amount"),
        (MILK | {"price": {"amount": 1, "currency": "usd"}}, "/price/currency"),
        (MILK | {"stock": -1}, "/stock"),
        (MILK | {"hidden": "yes"}, "/hidden"),
        (MILK | {"title": "a\x00b"}, "/title"),
        (MILK | {"added_at": "2026-05-31T12:00:00"}, "/added_at"),
    ],
)
def test_what_is_wrong_in_an_item_is_named(client: Client, body: dict[str, object], pointer: str) -> None:
    problem = client("PUT", "/items/a", body)
    assert problem.status_code == 422
    assert [wrong["pointer"] for wrong in problem.json()["errors"]] == [pointer]


@pytest.mark.parametrize("lines", [[], [{"item_id": "a", "quantity": 1}] * 1001, [{"item_id": "a"}]])
def test_stock_lines_are_checked(client: Client, lines: list[object]) -> None:
    assert client("PATCH", "/stock", {"lines": lines}).status_code == 422
