"""The RFC 9457 problem document: its schema, how a route declares it, how it is sent."""

from collections.abc import Mapping, MutableMapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from recommender.redaction import redacted

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:recommender:problem:"


class FieldProblem(BaseModel):
    """One wrong value of the request."""

    model_config = ConfigDict(frozen=True)

    pointer: str | None = Field(default=None, description="JSON Pointer into the body.", examples=["/limit"])
    parameter: str | None = Field(default=None, description="Name of the path, query or header parameter.")
    detail: str = Field(examples=["limit must be from 1 to 100, got 10000"])
    got: str | None = Field(default=None, description="The wrong value, shortened.")
    remedy: str = Field(default="", examples=["Ask for at most 100 items."])


class Problem(BaseModel):
    """What went wrong, in the form of RFC 9457; `code` is stable."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(examples=[f"{TYPE_PREFIX}invalid_input"])
    title: str = Field(examples=["Invalid input"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["limit must be from 1 to 100, got 10000"])
    instance: str = Field(description="Path of the request.", examples=["/v1/recommendations"])
    code: str = Field(examples=["invalid_input"])
    remedy: str = Field(default="", examples=["Ask for at most 100 items."])
    errors: list[FieldProblem] = Field(default=[], description="One entry per wrong value.")
    request_id: str = Field(examples=["5f0c3a1e9b7d4c62a8e1f00d2b6c9d13"])


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems of a route, for its OpenAPI description."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def problem_response(
    scope: MutableMapping[str, Any],
    status: int,
    code: str,
    detail: str,
    *,
    remedy: str = "",
    wrong: Sequence[Mapping[str, object]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Build a problem; `scope` is the ASGI scope of the request, in which its code is noted as `problem`."""
    scope["problem"] = code
    content = {
        "type": TYPE_PREFIX + code,
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "instance": scope["path"],
        "code": code,
        "remedy": remedy,
        "errors": wrong,
        "request_id": scope.get("request_id", ""),
    }
    body = redacted(orjson.dumps(content, default=str).decode()).encode()  # what was sent may hold a key
    return Response(body, status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE)
