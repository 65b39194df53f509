"""Routes whose JSON body is read straight into its pydantic model, and the short way to them."""

import inspect
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRouter
from pydantic import BaseModel, ValidationError
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.access import ScopedRoute, guarded
from serving.problems import is_json, unsupported_media_type


class JsonRoute(ScopedRoute):
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

        return guarded(self, answer)


Ways = Mapping[str, tuple[JsonRoute, Callable[[Request], Coroutine[Any, Any, Response]]]]


def short_ways(routers: Iterable[APIRouter]) -> Ways:
    """By path, the JsonRoutes of POST with what answers them."""
    return {
        route.path: (route, route.get_route_handler())
        for router in routers
        for route in router.routes
        if isinstance(route, JsonRoute) and "{" not in route.path and route.methods == {"POST"}
    }


class ShortWay:
    """ASGI middleware that hands a POST to the JsonRoute of its path, without the framework's walk to it.

    The framework goes through its routers and three layers of stacks and error handlers: a tenth of what a
    recommendation costs. What has no such route goes on to the application.
    """

    def __init__(self, app: ASGIApp, ways: Ways) -> None:
        self._app, self._ways = app, ways

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; errors end as the application's handlers say."""
        found = self._ways.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        scope["route"], answer = found
        request = Request(scope, receive, send)
        try:
            response = await answer(request)
        except Exception as error:
            response = await _answer_error(request, error)
        await response(scope, receive, send)


async def _answer_error(request: Request, error: Exception) -> Response:
    handlers = request.app.exception_handlers
    handler = next((handlers[kind] for kind in type(error).__mro__ if kind in handlers), None)
    if handler is None:
        raise error
    return await handler(request, error)  # a coroutine, as all of `answer_with_problems` are
