"""Routes of the catalogue."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from recommender.ids import ItemId
from serving.access import CATALOGUE_READ, CATALOGUE_WRITE, ScopedRoute, author_of, needs
from serving.catalogue.schemas import ItemBody, ItemName, ItemReply, StockBody, StockReply, item_reply
from serving.catalogue.use_cases import CatalogueDesk
from serving.clock import Clock
from serving.encoding import json_response
from serving.problem_document import documented

# A shop's ids may hold slashes.
ITEM = "/items/{item_id:path}"
Id = Annotated[ItemName, Path(examples=["1029743"])]


def catalogue_routes(desk: CatalogueDesk, clock: Clock) -> APIRouter:
    """The routes, answered by `desk`."""
    router = APIRouter(prefix="/v1/catalogue", tags=["catalogue"], route_class=ScopedRoute)
    changes, reads, writes = documented(400, 413, 415, 422, 503), needs(CATALOGUE_READ), needs(CATALOGUE_WRITE)

    @router.get(ITEM, response_model=ItemReply, responses=documented(404, 422, 503), openapi_extra=reads)
    async def read_item(item_id: Id) -> Response:
        """Read one item."""
        return json_response(item_reply(await desk.read(ItemId(item_id))))

    @router.put(ITEM, response_model=ItemReply, responses=changes, openapi_extra=writes)
    async def state_item(item_id: Id, body: ItemBody, request: Request) -> Response:
        """State all facts of one item; new or not, they hold on every worker within a tenth of a second."""
        return json_response(item_reply(await desk.put(ItemId(item_id), body, clock(), author_of(request))))

    @router.delete(ITEM, status_code=204, responses=documented(404, 422, 503), openapi_extra=writes)
    async def delete_item(item_id: Id, request: Request) -> Response:
        """Take one item out of the catalogue and of every list. Its number stays its own."""
        await desk.delete(ItemId(item_id), author_of(request))
        return Response(status_code=204)

    @router.patch("/stock", response_model=StockReply, responses=documented(404) | changes, openapi_extra=writes)
    async def change_stock(body: StockBody, request: Request) -> Response:
        """State the stock of up to 1,000 lines, all or none; a sold-out item is out of the very next list."""
        change_number = await desk.set_stock([line.line() for line in body.lines], author_of(request))
        return json_response({"lines": len(body.lines), "change_number": change_number})

    return router
