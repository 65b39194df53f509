"""Every error is a problem that names the place and the remedy."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import httpx
import orjson
import pytest
from fastapi import APIRouter, FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from recommender.errors import InvalidInput, NoArtifact, RecommenderError, UnknownItem
from serving.access import FREE, needs
from serving.encoding import json_response
from serving.envelope import Envelope
from serving.json_route import JsonRoute
from serving.metrics import Metrics
from serving.problems import answer_with_problems

MOST_BYTES = 2000


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    lines: list[int] = Field(max_length=3)
    note: str = ""


def small_app() -> FastAPI:
    app = FastAPI()
    answer_with_problems(app)
    app.add_middleware(Envelope, metrics=Metrics(), max_body_bytes=MOST_BYTES)
    fast = APIRouter(route_class=JsonRoute)

    @fast.post("/fast", openapi_extra=needs(FREE))
    async def fast_route(body: Order, request: Request) -> Response:
        return json_response({"lines": body.lines, "id": request.scope["request_id"]})

    @app.post("/plain")
    async def plain_route(body: Order) -> Response:
        return json_response({"lines": body.lines})

    @app.get("/search")
    async def search(limit: Annotated[int, Query()]) -> Response:
        return json_response({"limit": limit})

    failures: dict[str, Exception] = {
        "field": InvalidInput("price must be positive", field="items[3].price", remedy="Send a price above 0."),
        "item": UnknownItem("There is no item 'x'.", field="kind", remedy="Check the id."),
        "artifact": NoArtifact("Nothing yet.", remedy="Run `recommender train`."),
        "unmapped": RecommenderError("password=secret"),
        "bug": RuntimeError("password=secret"),
    }

    @app.get("/fails/{kind}")
    async def fails(kind: str) -> Response:
        raise failures[kind]

    app.include_router(fast)
    return app


def call(request: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]) -> httpx.Response:
    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(small_app())
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return await request(client)

    return asyncio.run(run())


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    found = response.json()
    assert found["code"] == code
    assert found["status"] == status
    assert found["request_id"] == response.headers["x-request-id"]
    assert found["type"].endswith(code)
    return found


@pytest.mark.parametrize("path", ["/fast", "/plain"])
def test_broken_json_is_a_bad_request(path: str) -> None:
    response = call(
        lambda client: client.post(path, content=b'{"lines": [', headers={"content-type": "application/json"})
    )
    assert "not valid JSON" in problem(response, 400, "broken_json")["detail"]


@pytest.mark.parametrize("path", ["/fast", "/plain"])
@pytest.mark.parametrize("headers", [{"content-type": "text/plain"}, {"content-type": "application/xml"}, {}])
def test_only_json_is_read(path: str, headers: dict[str, str]) -> None:
    response = call(lambda client: client.post(path, content=b'{"lines": [1]}', headers=headers))
    assert "Content-Type" in problem(response, 415, "unsupported_media_type")["remedy"]


@pytest.mark.parametrize("path", ["/fast", "/plain"])
def test_json_with_a_suffix_or_parameters_is_json(path: str) -> None:
    for kind in ("application/json; charset=utf-8", "application/vnd.shop+json", "APPLICATION/JSON"):
        assert (
            call(
                lambda client, kind=kind: client.post(path, content=b'{"lines": [1]}', headers={"content-type": kind})
            ).status_code
            == 200
        )


@pytest.mark.parametrize("path", ["/fast", "/plain"])
def test_each_wrong_value_is_named(path: str) -> None:
    response = call(lambda client: client.post(path, json={"lines": [1, "two", 3], "notes": "x"}))
    found = problem(response, 422, "invalid_input")
    by_pointer = {entry["pointer"]: entry for entry in found["errors"]}
    assert set(by_pointer) == {"/lines/1", "/notes"}
    assert by_pointer["/lines/1"]["got"] == "'two'"
    assert "whole number" in by_pointer["/lines/1"]["remedy"]
    assert "Remove" in by_pointer["/notes"]["remedy"]


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"text"', b"\xff\xfe", b'{"lines": [1e999]}'])
def test_any_body_that_does_not_fit_is_refused(body: bytes) -> None:
    response = call(lambda client: client.post("/fast", content=body, headers={"content-type": "application/json"}))
    assert response.status_code in {400, 422}
    assert response.json()["detail"]


def test_a_wrong_parameter_is_named() -> None:
    found = problem(call(lambda client: client.get("/search", params={"limit": "many"})), 422, "invalid_input")
    assert found["errors"][0]["parameter"] == "limit"


def test_a_huge_value_is_not_sent_back_whole() -> None:
    response = call(lambda client: client.post("/fast", json={"lines": "9" * 1500}))
    assert len(response.content) < 1000


def test_our_errors_say_where_and_what_to_do() -> None:
    found = problem(call(lambda client: client.get("/fails/field")), 422, "invalid_input")
    assert found["errors"] == [
        {"pointer": "/items/3/price", "detail": "price must be positive", "remedy": "Send a price above 0."}
    ]
    assert found["remedy"] == "Send a price above 0."


def test_an_unknown_item_of_the_path_is_not_found() -> None:
    found = problem(call(lambda client: client.get("/fails/item")), 404, "unknown_item")
    assert found["errors"][0]["parameter"] == "kind"


def test_what_may_pass_can_be_tried_again() -> None:
    response = call(lambda client: client.get("/fails/artifact"))
    problem(response, 503, "no_artifact")
    assert int(response.headers["retry-after"]) > 0


@pytest.mark.parametrize("kind", ["bug", "unmapped"])
def test_a_failure_of_ours_tells_nothing_of_its_inside(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    response = call(lambda client: client.get(f"/fails/{kind}"))
    found = problem(response, 500, "internal_error")
    assert "secret" not in response.text
    assert found["request_id"] in caplog.text


def test_a_path_or_method_that_does_not_exist_is_a_problem() -> None:
    problem(call(lambda client: client.get("/nowhere")), 404, "not_found")
    problem(call(lambda client: client.delete("/plain")), 405, "method_not_allowed")


@pytest.mark.parametrize("path", ["/fast", "/plain"])
def test_a_large_body_is_refused_whether_or_not_it_says_its_length(path: str) -> None:
    body = orjson.dumps({"lines": [], "note": "x" * MOST_BYTES})

    async def pieces():
        for start in range(0, len(body), 100):
            yield body[start : start + 100]

    for content in (body, pieces()):
        response = call(
            lambda client, content=content: client.post(
                path, content=content, headers={"content-type": "application/json"}
            )
        )
        assert f"{MOST_BYTES:,}" in problem(response, 413, "body_too_large")["detail"]


def test_the_callers_id_of_a_request_is_kept() -> None:
    def with_headers(**headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return call(lambda client: client.post("/fast", json={"lines": []}, headers=named))

    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert with_headers(x_request_id="mine-1").json()["id"] == "mine-1"
    assert with_headers(traceparent=trace).json()["id"] == "0af7651916cd43dd8448eb211c80319c"
    assert with_headers(traceparent=trace, x_request_id="mine-2").json()["id"] == "mine-2"
    assert len(with_headers(x_request_id="no spaces allowed").json()["id"]) == 32
    assert len(with_headers(traceparent="00-" + "0" * 32 + "-b7ad6b7169203331-01").json()["id"]) == 32
    assert with_headers(x_request_id="mine-3").headers["x-request-id"] == "mine-3"
