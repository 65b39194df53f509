"""The links of mails over HTTP; nobody needs a key: the token is one."""

from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Path, Request
from starlette.responses import RedirectResponse, Response

from features.audit import Author
from features.email_links import Purpose
from recommender.errors import LinkInvalid, StoreUnavailable, TooManyRequests
from serving.access import FREE, ScopedRoute, needs
from serving.clock import Clock
from serving.email.links import Link, MailLinks
from serving.email.pages import Pages
from serving.email.pictures import neutral
from serving.email.unsubscribing import Unsubscribe
from serving.email.visitors import visitor_of
from serving.email.visits import Visits
from serving.limits import Limits, Quota
from serving.problem_document import documented

Token = Annotated[str, Path(description="As the mail has it.")]
PER_MINUTE = 240  # visits to the links of one block: many devices of one reader, and a scanner beside them
FRESH = {"cache-control": "private, no-cache, max-age=0", "cross-origin-resource-policy": "cross-origin"}
PAGE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {}}, "description": "A page."}}

PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {}}, "description": "The picture; a blank one for any other token."}
}


def link_routes(links: MailLinks, visits: Visits, unsubscribe: Unsubscribe, limits: Limits, clock: Clock) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["links of mails"], route_class=ScopedRoute)
    pages = Pages(links.shop_url)

    def limit(link: Link) -> None:
        limits.take([Quota("link", link.block_ref, PER_MINUTE)])

    @router.head("/e/c/{token}", include_in_schema=False, openapi_extra=needs(FREE))
    @router.get(
        "/e/c/{token}", response_class=Response, status_code=302,
        responses={302: {"description": "To what was shown."}, **documented(410, 422, 429, 503)},
        openapi_extra=needs(FREE),
    )  # fmt: skip
    async def follow(token: Token, request: Request) -> Response:
        """Lead a reader to the item that the mail showed, at a host that the shop allows; else to a plain page."""
        now, visitor = clock(), visitor_of(request)
        try:
            link = links.read(Purpose.CLICK, token, now)
            limit(link)
            found = await links.find(link)
            target = await links.target(found, link.place)
        except LinkInvalid as error:
            visits.refused("click")
            return pages.refuse(request, error)
        except (StoreUnavailable, TooManyRequests) as error:
            return RedirectResponse(links.shop_url, 302) if links.shop_url else pages.refuse(request, error)
        await visits.clicked(found, link.place, visitor, now, f"click-{uuid4().hex}")
        return RedirectResponse(target, 302)

    @router.head("/e/i/{token}", include_in_schema=False, openapi_extra=needs(FREE))
    @router.get(
        "/e/i/{token}", response_class=Response,
        responses={**PICTURE, **documented(422)},
        openapi_extra=needs(FREE),
    )  # fmt: skip
    async def show_picture(token: Token, request: Request) -> Response:
        """Draw an item as it is now; one that is sold out gives way to the next, and a click then leads to that."""
        now, visitor = clock(), visitor_of(request)
        try:
            link = links.read(Purpose.IMAGE, token, now)
            limit(link)
            found = await links.find(link)
            picture = await links.picture(found, link.place, now)
        except LinkInvalid:
            visits.refused("picture")
            return Response(neutral(), headers=FRESH, media_type="image/png")
        except (StoreUnavailable, TooManyRequests):
            return Response(neutral(), headers=FRESH, media_type="image/png")
        await visits.opened(found, visitor, now)
        return Response(picture, headers=FRESH, media_type="image/png")

    @router.get(
        "/u/{token}", response_class=Response, responses={**PAGE, **documented(410, 422)}, openapi_extra=needs(FREE)
    )
    async def ask_to_unsubscribe(token: Token, request: Request) -> Response:
        """Show the button with which a reader unsubscribes. Looking changes nothing: programs look, too."""
        try:
            unsubscribe.read(token, clock())
        except LinkInvalid as error:
            visits.refused("unsubscribe")
            return pages.refuse(request, error)
        return pages.show(200, "No more mails?", "One click, and the shop writes to you no more.", button="Unsubscribe")

    @router.post(
        "/u/{token}",
        response_class=Response,
        responses={**PAGE, **documented(410, 413, 422, 503)},
        openapi_extra=needs(FREE),
    )
    async def unsubscribe_now(token: Token, request: Request) -> Response:
        """Unsubscribe, by the button or by the program that shows the mail; once it answers, it holds everywhere."""
        now = clock()
        try:
            user_id, send_id = unsubscribe.read(token, now)
            by = Author("shopper", request.scope.get("request_id"))
            is_news = await unsubscribe(user_id, send_id, by, now)
        except LinkInvalid as error:
            visits.refused("unsubscribe")
            return pages.refuse(request, error)
        except StoreUnavailable as error:
            return pages.refuse(request, error)
        if is_news:
            await visits.unsubscribed(user_id, send_id, now, f"unsubscribe-{uuid4().hex}")
        return pages.show(200, "You are unsubscribed", "The shop will not write to you any more.")

    return router
