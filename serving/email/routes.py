"""Routes that render emails."""

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from serving.access import EMAIL_RENDER, needs
from serving.clock import Clock
from serving.email.replies import LINES, lines, refuse_too_much, whole
from serving.email.schemas import BlocksQuery, BlocksReply
from serving.email.use_cases import FillBlocks
from serving.encoding import json_response
from serving.json_route import JsonRoute
from serving.problem_document import documented

RESPONSES = {
    200: {
        "content": {LINES: {"schema": {"type": "string"}}},
        "description": f"The messages; with `Accept: {LINES}` a line each, as they are decided.",
    }
}

LARGE = 50  # recipients of a call after which its connection is closed
# Whoever sends many calls on a few kept connections would keep the workers busy that happened to accept them, and no
# other: the next call goes to a worker that has time to accept it.
ANEW = {"connection": "close"}


def email_routes(fill: FillBlocks, clock: Clock) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/email", tags=["email"], route_class=JsonRoute)

    @router.post(
        "/blocks", response_model=BlocksReply, openapi_extra=needs(EMAIL_RENDER),
        responses={**RESPONSES, **documented(400, 404, 409, 413, 415, 422, 503)},
    )  # fmt: skip
    async def fill_blocks(body: BlocksQuery, request: Request) -> Response:
        """Decide the product blocks of a send for its recipients: each once, and the same on every repetition.

        Who may not be written to is `suppressed`. One recipient that fails does not fail the others.
        """
        order, now, as_lines = body.order(), clock(), LINES in request.headers.get("accept", "")
        headers = ANEW if len(order.recipients) >= LARGE else {}
        if not as_lines:
            refuse_too_much(order)
        await fill.begin(order, now)
        if as_lines:
            return StreamingResponse(lines(fill, order, now), media_type=LINES, headers=headers)
        answer = json_response(await whole(fill, order, now))
        answer.headers.update(headers)
        return answer

    return router
