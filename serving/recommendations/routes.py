"""Routes of recommendations."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from recommender.ids import PlacementId, StoreId
from serving.access import RECS_READ, ScopedRoute, needs
from serving.clock import Clock
from serving.encoding import json_response
from serving.json_route import JsonRoute
from serving.problem_document import documented
from serving.recommendations.questions import Caller, Question
from serving.recommendations.replies import ItemFragments, page_of, reply_of
from serving.recommendations.schemas import (
    BasketQuery,
    Id,
    PageQuery,
    PageReply,
    RecommendationQuery,
    RecommendationReply,
)
from serving.recommendations.use_cases import Recommend

PRODUCT, CART = PlacementId("product"), PlacementId("cart")
READS = needs(RECS_READ)
BODY_PROBLEMS = documented(400, 404, 413, 415, 422, 503)


def privacy_signal(request: Request) -> bool:
    """Whether the browser sent Global Privacy Control."""
    return request.headers.get("sec-gpc") == "1"


def recommendation_routes(recommend: Recommend, fragments: ItemFragments, clock: Clock) -> APIRouter:
    """The routes, answered by `recommend`."""
    router = APIRouter(prefix="/v1", tags=["recommendations"], route_class=JsonRoute)

    @router.post("/recommendations", response_model=RecommendationReply, responses=BODY_PROBLEMS, openapi_extra=READS)
    async def recommend_items(body: RecommendationQuery, request: Request) -> Response:
        """Recommend items for one placement."""
        request.state.access.must_speak_for(body.user_id, body.anonymous_id)
        caller = body.caller(privacy_signal=privacy_signal(request))
        [answer] = await recommend(caller, [body.question(explain=body.explain)], clock())
        return json_response(reply_of(answer, fragments))

    @router.post("/recommendations/batch", response_model=PageReply, responses=BODY_PROBLEMS, openapi_extra=READS)
    async def recommend_page(body: PageQuery, request: Request) -> Response:
        """Recommend items for all placements of a page; nothing comes twice on it."""
        request.state.access.must_speak_for(body.user_id, body.anonymous_id)
        caller = body.caller(privacy_signal=privacy_signal(request))
        answers = await recommend(caller, body.questions(), clock())
        return json_response(page_of(answers, fragments))

    @router.post(
        "/basket/complements", response_model=RecommendationReply, responses=BODY_PROBLEMS, openapi_extra=READS
    )
    async def complement_basket(body: BasketQuery, request: Request) -> Response:
        """Recommend what goes with a basket: the placement `cart`."""
        request.state.access.must_speak_for(body.user_id, body.anonymous_id)
        caller = body.caller(privacy_signal=privacy_signal(request))
        [answer] = await recommend(caller, [body.question(CART)], clock())
        return json_response(reply_of(answer, fragments))

    reading = APIRouter(route_class=ScopedRoute)

    @reading.get(
        "/items/{item_id:path}/similar",
        response_model=RecommendationReply,
        responses=documented(404, 422, 503),
        openapi_extra=READS,
    )
    async def similar_items(
        item_id: Annotated[Id, Path(examples=["item-995242"])],
        limit: Annotated[int | None, Query(description="How many items; absent: the placement's `limit`.")] = None,
        store_id: Annotated[Id | None, Query(description="The store whose stock and popularity count.")] = None,
    ) -> Response:
        """Recommend what is similar to an item: the placement `product`, for a stranger."""
        caller = Caller(store_id=None if store_id is None else StoreId(store_id))
        [answer] = await recommend(caller, [Question(placement=PRODUCT, limit=limit, item_id=item_id)], clock())
        return json_response(reply_of(answer, fragments))

    router.include_router(reading)
    return router
