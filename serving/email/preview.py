"""The preview of blocks over HTTP: what sells best now, as every theme shows it."""

import asyncio
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from recommender.catalogue import CatalogueItem
from serving.access import EMAIL_RENDER, ScopedRoute, needs
from serving.current import Serving
from serving.email.preview_page import PreviewPage, Wanted
from serving.problem_document import documented

HEADERS = {
    # The mails on it have their styles in their tags, and pictures from wherever the catalogue has them.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src http: https: data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-frame-options": "DENY", "x-robots-tag": "noindex",
}  # fmt: skip
PAGE = {200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "The page."}}


def preview_routes(current: Callable[[], Serving], locale: str) -> APIRouter:
    """The route; `locale` is that of the default market."""
    router, page = APIRouter(tags=["email"], route_class=ScopedRoute), PreviewPage()

    @router.get(
        "/email/preview", response_class=Response, openapi_extra=needs(EMAIL_RENDER),
        responses={**PAGE, **documented(400, 422, 503)},
    )  # fmt: skip
    async def preview(wanted: Annotated[Wanted, Query()]) -> Response:
        """See how blocks look: in each theme, on a desktop and a telephone, by day and by night.

        A browser asks for a user name: give it the key.
        """
        items = best_sellers(current(), wanted.count)
        html = await asyncio.to_thread(page.show, wanted, items, wanted.locale or locale)
        return Response(html, headers=HEADERS, media_type="text/html")

    return router


def best_sellers(serving: Serving, count: int) -> list[CatalogueItem]:
    """The best sellers of those that anybody may be shown now, one of each product."""
    catalogue, found = serving.catalogue, dict[str, CatalogueItem]()
    for row in serving.model.popularity.ranking.tolist():
        if catalogue.visible[row] and catalogue.in_stock[row] and not catalogue.number["min_age"][row]:
            item = catalogue.items[row]
            found.setdefault(item.group_id, item)
        if len(found) == count:
            break
    return list(found.values())
