"""Replies as bytes: encoded once with orjson, with no model in between."""

from collections.abc import Mapping, Sequence

import orjson
from starlette.responses import Response

Json = Mapping[str, object] | Sequence[object]


class JsonBytes(Response):
    """A reply whose body is JSON already."""

    media_type = "application/json"


def json_response(content: Json, status: int = 200) -> JsonBytes:
    """Encode a reply; an `orjson.Fragment` in it goes out as it is."""
    return JsonBytes(orjson.dumps(content), status_code=status)
