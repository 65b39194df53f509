"""A route whose JSON body is read straight into its pydantic model, for the paths that must be fast."""

import inspect
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from serving.problems import is_json, unsupported_media_type


class JsonRoute(APIRoute):
    """A POST route `async def f(body: Model, request: Request) -> Response` and nothing else.

    FastAPI describes it in the OpenAPI document like any other; answering it skips the solving of dependencies and the
    step through Python objects between the bytes and the model.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request; a body that does not fit ends like FastAPI's own: RequestValidationError."""
        endpoint = self.endpoint
        model = inspect.signature(endpoint).parameters["body"].annotation
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise TypeError(f"{endpoint.__name__}: `body` must be a pydantic model")

        async def answer(request: Request) -> Response:
            if not is_json(request):
                return unsupported_media_type(request)
            try:
                body = model.model_validate_json(await request.body())
            except ValidationError as error:
                found = [{**entry, "loc": ("body", *entry["loc"])} for entry in error.errors(include_url=False)]
                raise RequestValidationError(found) from None
            return await endpoint(body, request)

        return answer
