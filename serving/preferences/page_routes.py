"""The preference centre over HTTP: the page behind a signed link, and the answer that says GPC is honoured."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from features.audit import Author
from features.controller import Controller
from features.identity import Identifier
from features.preference_links import check_form_token, make_form_token, read_link
from recommender.errors import Erased, InvalidInput, NotAllowed, RecommenderError, StoreUnavailable
from serving.access import FREE, ScopedRoute, needs
from serving.clock import Clock
from serving.encoding import json_response
from serving.preferences.form import Answers
from serving.preferences.page import Page
from serving.preferences.routes import PAGE
from serving.preferences.use_cases import ChoicesDesk
from serving.problem_document import documented

GPC_SINCE = "2026-11-22"  # when support was last stated
MOST_FIELDS = 200
FORM_TYPE = "application/x-www-form-urlencoded"
FORM_BODY = {"required": True, "content": {FORM_TYPE: {"schema": {"type": "object"}}}}
STATUS: dict[type[RecommenderError], int] = {NotAllowed: 403, Erased: 409, InvalidInput: 422, StoreUnavailable: 503}
GONE = "Your data was erased here, as was asked, so no choices of yours are kept. To be known again, ask the shop."
LATER = "This could not be saved everywhere just now. Please go back, and try again in a minute."
WORDS: dict[type[RecommenderError], str] = {Erased: GONE, StoreUnavailable: LATER}  # of others, what they say

Link = Annotated[str, Query(max_length=1000, description="The token of a link of `POST /v1/consents/links`.")]

log = logging.getLogger(__name__)


def page_routes(desk: ChoicesDesk, controller: Controller, secret: Callable[[], bytes], clock: Clock) -> APIRouter:
    """The routes, for shoppers with a signed link; nobody needs a key."""
    router = APIRouter(tags=["preference centre"], route_class=ScopedRoute)
    page = Page(controller)
    html = {200: {"content": {"text/html": {}}, "description": "The page."}}

    @router.get(
        PAGE, response_class=Response, responses={**html, **documented(403, 409, 422, 503)}, openapi_extra=needs(FREE)
    )
    async def show_choices(request: Request, t: Link, saved: Annotated[bool, Query()] = False) -> Response:
        """Show a shopper, by the link of a message, what they allow and want. Looking changes nothing."""
        now, message = clock(), "Your choices are saved, and hold from now on." if saved else ""
        try:
            choices = await desk.read(_subject(desk, secret(), t, now))
        except (NotAllowed, Erased, StoreUnavailable) as error:
            return _refusal(request, page, error)
        form = make_form_token(secret(), t, now)
        return page.show(choices, form, now, message=message, gpc=_has_opted_out(request))

    @router.post(
        PAGE, response_class=Response, status_code=303,
        responses={303: {"description": "Saved: see the page again."}, **documented(400, 403, 409, 413, 415, 422, 503)},
        openapi_extra={**needs(FREE), "requestBody": FORM_BODY},
    )  # fmt: skip
    async def change_choices(request: Request, t: Link) -> Response:
        """Write down what a shopper chose on the page: once the answer comes, it holds in every channel."""
        now = clock()
        try:
            subject = _subject(desk, secret(), t, now)
            fields = await _fields(request)
            _must_be_of_our_page(request)
            check_form_token(secret(), t, fields.get("form", ""), now)
            answers = Answers(
                fields=fields, subject=subject, choices=await desk.read(subject), controller=controller, now=now,
                raw_signal="Sec-GPC: 1" if _has_opted_out(request) else "",
            )  # fmt: skip
            shopper = Author("shopper", request.scope.get("request_id"))
            consents, preferences = answers.consents(), answers.preferences()
            if consents:
                await desk.add_consents(consents, shopper)
            if preferences:
                await desk.add_preferences(preferences, shopper)
        except (NotAllowed, Erased, InvalidInput, StoreUnavailable) as error:
            return _refusal(request, page, error)
        return RedirectResponse(f"?t={t}&saved=true", 303, {"cache-control": "no-store"})

    @router.get("/.well-known/gpc.json", openapi_extra=needs(FREE))
    async def state_gpc() -> Response:
        """State that Global Privacy Control is honoured here."""
        return json_response({"gpc": True, "lastUpdate": GPC_SINCE})

    return router


def _subject(desk: ChoicesDesk, secret: bytes, link: str, now: datetime) -> Identifier:
    subject = read_link(secret, link, now)
    desk.refuse_erased(subject, "t")
    return subject


def _has_opted_out(request: Request) -> bool:
    return request.headers.get("sec-gpc") == "1"


def _must_be_of_our_page(request: Request) -> None:
    """Browsers say which site a form was sent from; raises NotAllowed for another than ours."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise NotAllowed("This form was sent from another site.", remedy="Open the link of the message again.")


async def _fields(request: Request) -> Mapping[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
        raise InvalidInput("this is no form", remedy=f"Send {FORM_TYPE}, as the page does.")
    try:
        text = (await request.body()).decode("utf-8")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"))
    except ValueError:  # bytes that are no UTF-8, or too many fields
        raise InvalidInput("the form cannot be read", remedy="Open the page again and choose there.") from None


def _refusal(request: Request, page: Page, error: RecommenderError) -> Response:
    """To a browser a page, to a program a problem."""
    if "text/html" not in request.headers.get("accept", ""):
        raise error
    if isinstance(error, StoreUnavailable):
        log.warning("the preference centre cannot answer: %s", error)
    return page.refuse(
        STATUS[type(error)], WORDS.get(type(error), f"{error} {error.remedy}"), gpc=_has_opted_out(request)
    )
