"""The bodies of ingestion in the OpenAPI document: msgspec describes its structs, FastAPI only pydantic's models."""

from functools import cache
from typing import Any

from msgspec.json import schema_components

from serving.events.schemas import Batch, Call, Properties

REF = "#/$defs/{name}"


@cache
def body_of(model: type[Call] | type[Batch]) -> dict[str, Any]:
    """What a route adds to the document so that its request body is described."""
    _, parts = schema_components([model, Call, Properties], ref_template=REF)
    parts["Call"]["properties"]["properties"] = {
        "description": "What the event is about; other properties are kept as they are.",
        "anyOf": [{"$ref": REF.format(name="Properties")}, {"type": "null"}],
    }
    parts["Batch"] = parts.get("Batch", {})
    if model is Batch:
        parts["Batch"]["properties"]["batch"]["items"] = {"$ref": REF.format(name="Call")}
    schema = _inlined(parts[model.__name__], parts)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _inlined(schema: object, parts: dict[str, Any]) -> object:
    """The schema with every reference replaced by what it refers to; none of ours refers to itself."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inlined(parts[schema["$ref"].rsplit("/", 1)[1]], parts)
        return {name: _inlined(value, parts) for name, value in schema.items()}
    return [_inlined(value, parts) for value in schema] if isinstance(schema, list) else schema
