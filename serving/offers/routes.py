"""Routes of in-aisle offers."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from recommender.ids import BeaconKey
from serving.access import OFFERS_REQUEST, ScopedRoute, author_of, needs
from serving.clock import Clock
from serving.encoding import json_response
from serving.idempotency import PARAMETER, answered, read_call
from serving.json_route import JsonRoute
from serving.offers.asks import ask_of, subject_of
from serving.offers.feedback import TakeFeedback
from serving.offers.schemas import FeedbackBody, FeedbackReply, OfferAnswer, OfferQuery
from serving.offers.use_cases import RequestOffer
from serving.problem_document import documented

OfferName = Annotated[str, Path(pattern=r"^off_[0-9a-f]{20}$", examples=["off_0123456789abcdef0123"])]


def offer_routes(
    request_offer: RequestOffer, take_feedback: TakeFeedback, resolve: Callable[[BeaconKey], BeaconKey], clock: Clock
) -> APIRouter:
    """The routes. `resolve`: what a beacon is known by that sends this."""
    router = APIRouter(prefix="/v1/offers", tags=["offers"], route_class=JsonRoute)
    keyed: dict[str, Any] = needs(OFFERS_REQUEST) | {"parameters": [PARAMETER]}

    @router.post(
        "/request", response_model=OfferAnswer, responses=documented(400, 409, 413, 415, 422, 503), openapi_extra=keyed
    )
    async def request_offers(body: OfferQuery, request: Request) -> Response:
        """Say which beacons a phone hears; get offers with coupons that are reserved, or why there is none.

        No offer is a normal answer. What is answered is logged; an offer's coupon is on disk.
        """
        subject = subject_of(body.subject, request.state.access)
        signal = request.headers.get("sec-gpc") == "1"
        ask = ask_of(body, subject, await read_call(request), author_of(request), resolve, signal=signal)
        return answered(await request_offer(ask, clock()))

    telling = APIRouter(route_class=ScopedRoute)

    @telling.post(
        "/{offer_id}/feedback",
        response_model=FeedbackReply,
        responses=documented(400, 404, 413, 415, 422, 503),
        openapi_extra=needs(OFFERS_REQUEST),
    )
    async def give_feedback(offer_id: OfferName, body: FeedbackBody, request: Request) -> Response:
        """Say what became of an offer: it was shown, saved, waved away, or never reached the shopper.

        Saying it again changes nothing. A server of the shop need not name the shopper.
        """
        access, named = request.state.access, body.subject
        whose = access.trusted and named.user_id is None and named.anonymous_id is None
        subject = None if whose else subject_of(named, access)
        recorded = await take_feedback(offer_id, subject, body.kind, author_of(request), clock())
        return json_response({"offer_id": offer_id, "recorded": recorded})

    router.include_router(telling)
    return router
