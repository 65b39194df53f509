"""What holds of every route: documented errors are problems, and a refusal says nothing that was secret."""

import json
import re
from typing import Any

import pytest

from serving.problem_document import MEDIA_TYPE
from tests.integration.serving.shop import Client, openapi_document
from tests.integration.serving.test_access import GuardedShop, bearer

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW")
SECRETS = ("sk_" + "5ec2e7" * 7, "eyJhbGciOiJIUzI1NiJ9.5ec2e7.5ec2e7", "ann.5ec2e7@example.org", "+49 (30) 5550199")
MARK = re.compile("5ec2e7|5550199")


def documented() -> dict[str, dict[str, Any]]:
    return openapi_document()["paths"]


def test_every_documented_error_is_a_problem_and_those_of_the_gate_are_documented() -> None:
    for path, operations in documented().items():
        for method, operation in operations.items():
            place = f"{method} {path}"
            statuses = operation["responses"]
            for status, reply in statuses.items():
                if status >= "400" and "health" not in operation["tags"]:
                    assert list(reply["content"]) == [MEDIA_TYPE], (place, status)
            if operation["x-scope"] != "free":
                assert {"401", "403"} <= statuses.keys(), place
            if method != "get":
                assert operation.get("requestBody") is None or {"400", "413", "415", "422"} <= statuses.keys(), place


def test_a_method_or_path_that_does_not_exist_is_a_problem(shop: GuardedShop) -> None:
    async def use(client: Client) -> None:
        headers = bearer(shop.secret_text)
        for path, operations in documented().items():
            concrete = re.sub(r"\{[^}]+\}", "x", path)
            for method in {*METHODS} - {one.upper() for one in operations} - {"HEAD"}:
                reply = await client.request(method, concrete, headers=headers)
                # A path with slashes in an id may be another route's.
                assert reply.status_code in {404, 405, 415, 422}, (method, path, reply.status_code)
                assert reply.headers["content-type"] == MEDIA_TYPE, (method, path)
                assert reply.json()["request_id"] == reply.headers["x-request-id"]
        assert (await client.get("/nowhere")).json()["code"] == "not_found"
        await labels_are_bounded(client)

    async def labels_are_bounded(client: Client) -> None:
        page = (await client.get("/metrics")).text
        assert "BREW" not in page
        routes = set(re.findall(r'http_route="([^"]*)"', page))
        free = {"/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect", "unmatched"}
        known = (*documented(), *free)
        assert [one for one in routes if not any(path.endswith(one.replace(":path", "")) for path in known)] == []

    shop.run(use)


def filled(schema: dict[str, Any], document: dict[str, Any], value: object, depth: int = 4) -> object:
    """A body with a secret in every field, of whatever type the field should be."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if depth and (properties := schema.get("properties")):
        return {name: filled(one, document, value, depth - 1) for name, one in properties.items()}
    if depth and schema.get("type") == "array":
        return [filled(schema.get("items", {}), document, value, depth - 1)]
    return value


@pytest.mark.parametrize("secret", SECRETS)
def test_keys_tokens_and_contacts_come_back_in_no_refusal_and_no_log(
    shop: GuardedShop, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")

    async def use(client: Client) -> None:
        document = openapi_document()
        good = shop.secret_text
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                schema = (
                    operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
                )
                body = filled(schema, document, secret) if schema else {"writeKey": secret}
                concrete = re.sub(r"\{[^}]+\}", "x", path)
                for headers in (
                    bearer(secret), bearer(good, secret), {"x-api-key": secret} | bearer(good),
                    {"authorization": f"Basic {secret}"}, bearer(good) | {"cookie": f"session={secret}"},
                ):  # fmt: skip
                    sent = headers | {"content-type": "application/json"}
                    reply = await client.request(method, concrete, content=json.dumps(body), headers=sent)
                    assert reply.status_code != 500, (method, path, reply.text)
                    if reply.status_code >= 400:
                        assert not MARK.search(reply.text), (method, path, reply.status_code, reply.text)

    shop.run(use)
    assert not MARK.search(caplog.text), caplog.text
