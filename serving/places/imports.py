"""Zones and beacons of a whole file in one call: all of its rows hold, or none."""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, Field, JsonValue, ValidationError
from pydantic_core import PydanticCustomError

from features.audit import Author
from features.import_file import read_sent
from features.sql.place_file import COLUMNS
from recommender.errors import InvalidInput
from serving.access import PLACES_WRITE, ScopedRoute, author_of, needs
from serving.places.schemas import Strict
from serving.places.use_cases import Frame, Imported
from serving.problem_document import documented
from serving.problems import is_json

MOST_ROWS = 2_000  # one transaction's, which nobody should have to wait for
EXAMPLE: dict[str, JsonValue] = {
    "zone_id": "367-milk", "store_id": "367", "kind": "aisle", "name": "Milk", "categories": [{"category": "MILK"}],
    "beacon_id": "367-milk-1", "uuid": "5f0c3a1e-9b7d-4c62-a8e1-f00d2b6c9d13", "major": 367, "minor": 4,
}  # fmt: skip
CSV = "beacon_id,uuid,major,minor,zone_id\n367-milk-1,5f0c3a1e-9b7d-4c62-a8e1-f00d2b6c9d13,367,4,367-milk\n"


def _that_fits(cell: JsonValue) -> JsonValue:
    """The cell, unless a number in it would be read as another one."""
    try:
        json.dumps(cell, allow_nan=False)
        orjson.dumps(cell)  # no whole numbers beyond 64 bits
    except (TypeError, ValueError):
        message = "This number is too large. Send one of at most 64 bits, or an id as a text."
        raise PydanticCustomError("number_too_large", message) from None
    return cell


Cell = Annotated[JsonValue, AfterValidator(_that_fits)]


class ImportBody(Strict):
    """Rows of a file, each by column."""

    rows: Annotated[list[dict[str, Cell]], Field(min_length=1, max_length=MOST_ROWS, examples=[[EXAMPLE]])]


class ImportReply(BaseModel):
    """What the rows changed; the same import again changes nothing."""

    rows: int
    changed: int = Field(description="Zones and beacons that were new or different.")


BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": ImportBody.model_json_schema()},
        "text/csv": {"schema": {"type": "string", "description": "In UTF-8."}, "example": CSV},
    },
}


def import_routes(import_all: Callable[[Frame, Author], Awaitable[Imported]]) -> APIRouter:
    """The route; `import_all` writes all rows or none."""
    router = APIRouter(prefix="/v1", tags=["places"], route_class=ScopedRoute)
    extra: dict[str, Any] = {**needs(PLACES_WRITE), "requestBody": BODY}

    @router.post(
        "/beacons/import", response_model=ImportReply, responses=documented(400, 409, 413, 415, 422, 503),
        openapi_extra=extra,
    )  # fmt: skip
    async def import_beacons(request: Request) -> ImportReply:
        """State zones and beacons as rows of `recommender import places` do, in JSON or CSV (docs/formats.md).

        All or nothing: where a row does not fit, `errors` has every such row with its column (`/rows/0/uuid`; rows
        from 0) and the reason, and nothing is changed.
        """
        rows = await _rows_of(request)
        done = await import_all(rows, author_of(request))
        if done.reasons:
            raise RequestValidationError(
                [
                    {"type": "row", "loc": ("body", "rows", row - 1, *_column_of(reason)), "msg": reason, "input": None}
                    for row, reason in sorted(done.reasons.items())
                ]
            )
        return ImportReply(rows=len(rows), changed=done.changed)

    return router


async def _rows_of(request: Request) -> Frame:
    content = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if is_json(request):
        try:
            sent = ImportBody.model_validate_json(content).rows
        except ValidationError as error:
            found = [{**entry, "loc": ("body", *entry["loc"])} for entry in error.errors(include_url=False)]
            raise RequestValidationError(found) from None
        return read_sent(b"\n".join(map(orjson.dumps, sent)), ".jsonl", COLUMNS)
    if kind != "text/csv":
        raise HTTPException(415, f"The body must be JSON or CSV, got {kind[:100] or 'no content type'}.")
    rows = read_sent(content, ".csv", COLUMNS)
    if not 0 < len(rows) <= MOST_ROWS:
        message = f"An import has 1 to {MOST_ROWS:,} rows, this one {len(rows):,}."
        raise InvalidInput(message, field="rows", remedy="Send it in parts; or `recommender import places`.")
    return rows


def _column_of(reason: str) -> tuple[str, ...]:
    column = reason.partition(":")[0]
    return (column,) if column in COLUMNS else ()
