"""What does not fit is refused with a problem that names the place and the remedy; the service goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.serving.shop import Client, Shop

POST = "/v1/recommendations"
BAD_BODIES: list[tuple[dict[str, Any], int, str, str]] = [
    ({"placement": "nowhere"}, 404, "unknown_placement", "/placement"),
    ({"placement": "home", "item_id": "nothing"}, 404, "unknown_item", "/item_id"),
    ({"placement": "home", "filter": "item.price <"}, 422, "invalid_rule", "/filter"),
    ({"placement": "home", "filter": "item.prise < 5"}, 422, "invalid_rule", "/filter"),
    ({"placement": "home", "filter": "item.price < 'cheap'"}, 422, "invalid_rule", "/filter"),
    ({"placement": "home", "limit": 0}, 422, "invalid_input", "/limit"),
    ({"placement": "home", "limit": 10_000}, 422, "invalid_input", "/limit"),
    ({"placement": "home", "limit": -3}, 422, "invalid_input", "/limit"),
    ({"placement": "home", "limit": 10**30}, 422, "invalid_input", "/limit"),
    ({"placement": "home", "limit": "5"}, 422, "invalid_input", "/limit"),
    ({"placement": "home", "limit": 5.5}, 422, "invalid_input", "/limit"),
    ({"placement": "home", "limit": True}, 422, "invalid_input", "/limit"),
    ({}, 422, "invalid_input", "/placement"),
    ({"placement": 7}, 422, "invalid_input", "/placement"),
    ({"placement": None}, 422, "invalid_input", "/placement"),
    ({"placement": "home", "user": "u"}, 422, "invalid_input", "/user"),
    ({"placement": "home", "user_id": "x" * 201}, 422, "invalid_input", "/user_id"),
    ({"placement": "home", "user_id": ""}, 422, "invalid_input", "/user_id"),
    ({"placement": "home", "user_id": "a\0b"}, 422, "invalid_input", "/user_id"),
    ({"placement": "home", "cart": "i1"}, 422, "invalid_input", "/cart"),
    ({"placement": "home", "cart": ["i1"] * 501}, 422, "invalid_input", "/cart"),
    ({"placement": "home", "exclude": ["i1", 2]}, 422, "invalid_input", "/exclude/1"),
    ({"placement": "home", "age": -1}, 422, "invalid_input", "/age"),
    ({"placement": "home", "consent": {"personalisation": "yes"}}, 422, "invalid_input", "/consent/personalisation"),
    ({"placement": "home", "filter": "x" * 5000}, 422, "invalid_input", "/filter"),
]


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> Shop:
    shop = Shop(tmp_path, redis_url=f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}")
    shop.publish("a1")
    return shop


def test_a_body_that_does_not_fit_names_the_field_and_the_remedy(shop: Shop) -> None:
    async def use(client: Client) -> None:
        for body, status, code, pointer in BAD_BODIES:
            response = await client.post(POST, json=body)
            problem = response.json()
            assert (response.status_code, problem["code"]) == (status, code), (body, problem)
            assert response.headers["content-type"] == "application/problem+json"
            assert problem["errors"][0]["pointer"] == pointer, problem
            assert problem["errors"][0]["remedy"], problem
            assert problem["detail"]
        assert len(await client.shown(limit=3)) == 3

    shop.run(use)


def test_a_limit_out_of_range_names_the_range(shop: Shop) -> None:
    async def use(client: Client) -> None:
        for limit in (0, 10_000):
            detail = (await client.post(POST, json={"placement": "home", "limit": limit})).json()["detail"]
            assert "limit" in detail
            assert "1 to 100" in detail
        similar = await client.get("/v1/items/i1/similar", params={"limit": 0})
        assert (similar.status_code, similar.json()["errors"][0]["pointer"]) == (422, "/limit")

    shop.run(use)


RAW: list[tuple[str, bytes, str, int, str]] = [
    ("broken JSON", b'{"placement": "home"', "application/json", 400, "broken_json"),
    ("no body", b"", "application/json", 400, "broken_json"),
    ("not Unicode", b'{"placement": "\xff"}', "application/json", 400, "broken_json"),
    ("another type", b"placement=home", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
    ("a list", b"[]", "application/json", 422, "invalid_input"),
    ("deeply nested", b'{"placement":' + b"[" * 5000 + b"]" * 5000 + b"}", "application/json", 400, "broken_json"),
    ("5 MB", b'{"placement": "' + b"x" * 5_000_000 + b'"}', "application/json", 413, "body_too_large"),
]


def test_a_body_that_cannot_be_read_is_refused(shop: Shop) -> None:
    async def use(client: Client) -> None:
        for name, content, kind, status, code in RAW:
            response = await client.post(POST, content=content, headers={"content-type": kind})
            assert (response.status_code, response.json()["code"]) == (status, code), (name, response.text)
            assert len(response.content) < 2000, name

    shop.run(use)


def test_before_anything_is_published_the_service_says_what_to_do(valkey_data_dir: Path, tmp_path: Path) -> None:
    shop = Shop(tmp_path, redis_url=f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}")

    async def use(client: Client) -> None:
        for call in calls_for_an_artifact(client):
            response = await call()
            assert (response.status_code, response.json()["code"]) == (503, "no_artifact")
            assert "recommender train" in response.json()["remedy"]
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert ready.json()["reasons"]
        assert (await client.get("/healthz")).status_code == 200
        shop.publish("a1")
        await client.wait_until_ready("a1")
        assert len(await client.shown(limit=3)) == 3

    shop.run(use, ready=False)


def calls_for_an_artifact(client: Client) -> list[Callable[[], Any]]:
    return [
        lambda: client.post(POST, json={"placement": "home"}),
        lambda: client.post("/v1/recommendations/batch", json={"blocks": [{"placement": "home"}]}),
        lambda: client.post("/v1/basket/complements", json={"cart": ["i1"]}),
        lambda: client.get("/v1/items/i1/similar"),
    ]


def test_the_openapi_document_is_complete(shop: Shop) -> None:
    async def use(client: Client) -> None:
        answer = await client.get("/openapi.json")
        assert (await client.get("/openapi.json", headers={"If-None-Match": answer.headers["etag"]})).status_code == 304
        document = answer.json()
        schemas = document["components"]["schemas"]
        assert {"Problem", "FieldProblem", "RecommendationQuery", "RecommendationReply"} <= set(schemas)
        assert "HTTPValidationError" not in schemas
        assert schemas["RecommendationQuery"]["examples"]
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                place = f"{method} {path}"
                assert operation["tags"], place
                assert operation["summary"], place
                assert operation["description"], place
                if "requestBody" in operation:
                    assert {"400", "413", "415", "422"} <= set(operation["responses"]), place
                    assert "application/problem+json" in operation["responses"]["422"]["content"], place
        assert "/v1/items/{item_id}/similar" in document["paths"]
        assert (await client.get("/docs")).status_code == 200

    shop.run(use, ready=False)
