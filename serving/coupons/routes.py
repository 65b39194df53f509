"""Routes of coupons: for tills, for shoppers' wallets, and the keys that verify tokens."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from features.audit import Author
from features.identity import ANONYMOUS_ID, USER_ID, Identifier
from features.ledger.idempotency import Call, Reply
from recommender.errors import InvalidInput, NotAllowed
from serving.access import COUPONS_READ, COUPONS_REDEEM, FREE, WALLET_SELF, Access, ScopedRoute, author_of, needs
from serving.coupons.baskets import unknown_in
from serving.coupons.guesses import CodeGuesses
from serving.coupons.schemas import (
    RedeemBody,
    RedeemedReply,
    RedeemNowBody,
    RedemptionReply,
    ReservationReply,
    RollbackBody,
    ValidateBody,
    ValidateReply,
    WalletReply,
)
from serving.coupons.use_cases import TillDesk, verdict_json
from serving.encoding import json_response
from serving.idempotency import PARAMETER, answered, read_call
from serving.problem_document import documented

ReservationName = Annotated[str, Path(pattern=r"^rsv_[0-9a-f]{20}$", examples=["rsv_0123456789abcdef0123"])]
RedemptionName = Annotated[str, Path(pattern=r"^rdm_[0-9a-f]{20}$", examples=["rdm_0123456789abcdef0123"])]
Name = Annotated[str | None, Query(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


def coupon_routes(desk: TillDesk, guesses: CodeGuesses) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["coupons"], route_class=ScopedRoute)
    redeems = needs(COUPONS_REDEEM)
    changes: dict[str, Any] = redeems | {"parameters": [PARAMETER]}
    problems = documented(400, 409, 413, 415, 422, 503)

    async def claim(
        work: Callable[[ValidateBody, Call, Author], Reply], body: ValidateBody, request: Request
    ) -> Response:
        """Claim coupons by one of the desk's ways."""
        _must_act_in(request, body.store_id)
        call, by = await read_call(request), author_of(request)
        reply = await guesses.watch(
            by.actor, body.coupons, lambda: work(body, call, by), recall=lambda: desk.recall(call)
        )
        return answered(reply)

    @router.post("/v1/coupons/validate", response_model=ValidateReply, responses=problems, openapi_extra=redeems)
    async def validate_coupons(body: ValidateBody, request: Request) -> Response:
        """What each coupon would take off this basket, line by line, and why another takes off nothing.

        Nothing is reserved: only a reservation makes sure of it.
        """
        _must_act_in(request, body.store_id)
        who = author_of(request).actor
        judged = await guesses.watch(who, body.coupons, lambda: desk.validate(body), unknown_in=unknown_in)
        return json_response(verdict_json(judged, body))

    @router.post(
        "/v1/reservations", status_code=201, response_model=ReservationReply, responses=problems, openapi_extra=changes
    )
    async def reserve_coupons(body: ValidateBody, request: Request) -> Response:
        """Claim coupons for a basket, all or none, for fifteen minutes; nobody else can use them meanwhile.

        Refused with 409, whose `code` is the reason, when one of them cannot be used.
        """
        return await claim(desk.reserve, body, request)

    @router.post(
        "/v1/reservations/{reservation_id}/redeem",
        response_model=RedeemedReply,
        responses=problems,
        openapi_extra=changes,
    )
    async def redeem_reservation(reservation_id: ReservationName, body: RedeemBody, request: Request) -> Response:
        """Use what was reserved: the discounts are exactly those of the reservation. What is answered is on disk."""
        stores, call, by = _access(request).stores, await read_call(request), author_of(request)
        return answered(await asyncio.to_thread(desk.redeem, reservation_id, body.order_id, stores, call, by))

    @router.delete(
        "/v1/reservations/{reservation_id}",
        status_code=204,
        responses=documented(409, 422, 503),
        openapi_extra=redeems,
    )
    async def release_reservation(reservation_id: ReservationName, request: Request) -> Response:
        """Let go what was reserved, as when the basket is given up. Doing so again changes nothing."""
        await asyncio.to_thread(desk.release, reservation_id, _access(request).stores, author_of(request))
        return Response(status_code=204)

    @router.post(
        "/v1/redemptions", status_code=201, response_model=RedeemedReply, responses=problems, openapi_extra=changes
    )
    async def redeem_coupons(body: RedeemNowBody, request: Request) -> Response:
        """Reserve and redeem in one step, for tills that know the final basket."""
        return await claim(lambda _, call, by: desk.redeem_now(body, call, by), body, request)

    @router.post(
        "/v1/redemptions/{redemption_id}/rollback",
        response_model=RedemptionReply,
        responses=problems,
        openapi_extra=changes,
    )
    async def roll_back_redemption(redemption_id: RedemptionName, body: RollbackBody, request: Request) -> Response:
        """Take back a redemption, in full once or in parts; budget and caps get back exactly what is taken.

        An `Order Refunded` or `Order Cancelled` event does not do this by itself: call it when goods come back.
        """
        stores, call, by = _access(request).stores, await read_call(request), author_of(request)
        return answered(await asyncio.to_thread(desk.roll_back, redemption_id, body, stores, call, by))

    @router.get(
        "/v1/me/wallet",
        response_model=WalletReply,
        responses=documented(403, 422, 503),
        openapi_extra=needs(COUPONS_READ, or_self=WALLET_SELF),
    )
    async def read_wallet(request: Request, user_id: Name = None, anonymous_id: Name = None) -> Response:
        """Coupons that a shopper can still use. With a publishable key: those of the user token, nobody else's.

        A server of the shop names the shopper: `user_id` or `anonymous_id`.
        """
        return json_response(await asyncio.to_thread(desk.wallet, _shopper(_access(request), user_id, anonymous_id)))

    @router.get("/.well-known/coupon-keys", responses=documented(503), openapi_extra=needs(FREE))
    async def read_coupon_keys() -> Response:
        """The public keys that verify coupons offline (a JSON Web Key Set), and the ids of those that were revoked."""
        return json_response(await asyncio.to_thread(desk.key_document))

    return router


def _access(request: Request) -> Access:
    return request.state.access


def _must_act_in(request: Request, store_id: str) -> None:
    """Refuse a till whose key is bound to other stores; raises NotAllowed."""
    stores = _access(request).stores
    if stores is not None and store_id not in stores:
        raise NotAllowed(
            f"This key may not act in store {store_id}.", field="store_id", remedy="Send the store of this till."
        )


def _shopper(access: Access, user_id: str | None, anonymous_id: str | None) -> Identifier:
    """Whose wallet it is. Without a user token nobody has proved who they are, so a public key alone opens none."""
    if not access.trusted:
        if access.subject is None:
            raise NotAllowed(
                "A wallet opens with a user token only.", remedy="Send the header X-User-Token (docs/keys.md)."
            )
        access.must_speak_for(user_id, anonymous_id)
        return USER_ID, str(access.subject)
    if (user_id is None) == (anonymous_id is None):
        raise InvalidInput("Name one shopper.", field="user_id", remedy="Send user_id or anonymous_id, not both.")
    return (USER_ID, user_id) if user_id is not None else (ANONYMOUS_ID, str(anonymous_id))
