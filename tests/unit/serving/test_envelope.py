"""What surrounds every request: the bounds on it, and what every answer says."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import Response

from serving.cors import Cors
from serving.envelope import MOST_HEADERS, Envelope
from serving.metrics import Metrics
from serving.problem_document import problem_response

PAGE = "https://shop.example"
KEY = "sk_0123456789abcdef0123456789abcdef01234567"


def call(method: str, path: str, *, scheme: str = "http", **request: object) -> httpx.Response:
    app = FastAPI()

    @app.get("/slow")
    async def slow() -> Response:
        await asyncio.sleep(5)
        return Response()

    @app.get("/plain")
    async def plain() -> Response:
        return Response("text")

    @app.get("/tells")
    async def tells() -> Response:
        return problem_response(
            {"path": f"/{KEY}"}, 422, "invalid_input", f"got Bearer {KEY}", wrong=[{"got": KEY[:30]}]
        )

    app.add_middleware(Cors, origins=lambda: {PAGE})
    app.add_middleware(Envelope, metrics=Metrics(), max_body_bytes=1_000, request_seconds=0.2)

    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"{scheme}://shop") as client:
            return await client.request(method, path, **request)  # pyright: ignore[reportArgumentType] - of httpx

    return asyncio.run(send())


@pytest.mark.parametrize("path", ["/plain", "/none"])
def test_every_answer_carries_what_browsers_must_heed(path: str):
    headers = call("GET", path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "strict-transport-security" not in headers
    assert "strict-transport-security" in call("GET", path, scheme="https").headers


def test_what_takes_too_long_or_brings_too_much_is_a_problem():
    for reply, status in [
        (call("GET", "/slow"), 503),
        (call("GET", "/plain", headers={f"x-{n}": "1" for n in range(MOST_HEADERS)}), 431),
        (call("GET", "/plain?" + "q" * 9_000), 414),
    ]:
        assert reply.status_code == status
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json()["remedy"]


def test_a_problem_shows_no_key_that_was_sent():
    assert "0123456789" not in call("GET", "/tells").text


def test_a_preflight_is_answered_for_pages_that_some_key_is_for():
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    known = call("OPTIONS", "/plain", headers=asks | {"origin": PAGE})
    assert (known.status_code, known.headers["access-control-allow-origin"]) == (204, PAGE)
    assert "access-control-allow-credentials" not in known.headers
    for origin in ("https://evil.example", "null"):
        refused = call("OPTIONS", "/plain", headers=asks | {"origin": origin})
        assert refused.status_code == 403
        assert "access-control-allow-origin" not in refused.headers
        assert "access-control-allow-origin" not in call("GET", "/plain", headers={"origin": origin}).headers
    reply = call("GET", "/plain", headers={"origin": PAGE})
    assert (reply.headers["access-control-allow-origin"], reply.headers["vary"]) == (PAGE, "origin")


def test_a_request_is_answered_under_the_callers_id_and_trace():
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = call("GET", "/none", headers={"x-request-id": "mine", "traceparent": trace}).headers
    assert headers["x-request-id"] == "mine"
    assert headers["traceresponse"].startswith(trace[:36])
    assert "traceresponse" not in call("GET", "/plain").headers
    made = call("GET", "/none", headers={"x-request-id": "ann@shop.example"})
    assert (
        made.json().get("request_id", made.headers["x-request-id"])
        == made.headers["x-request-id"]
        != "ann@shop.example"
    )
