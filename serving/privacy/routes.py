"""Routes of people's requests: ask, see how it stands, fetch the answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request
from starlette.responses import FileResponse, Response

from features.identity import USER_ID, Contacts, Identifier
from features.privacy.desk import Asked, PrivacyDesk
from features.privacy.exports import export_file
from features.settings import Settings
from features.sql.privacy_store import PrivacyRequest
from recommender.errors import InvalidInput, NotAllowed, UnknownRequest
from serving.access import PRIVACY_READ, PRIVACY_SELF, PRIVACY_WRITE, Access, ScopedRoute, author_of, needs
from serving.encoding import json_response
from serving.privacy.schemas import (
    RequestBody,
    RequestKind,
    RequestReply,
    RequestsReply,
    RequestState,
    request_reply,
)
from serving.problem_document import documented

SELF_KINDS = ("access", "erasure", "restriction", "lift_restriction")
RequestId = Annotated[str, Path(pattern=r"^prq_[0-9a-f]{20}$", examples=["prq_0a1b2c3d4e5f60718293"])]
IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=200, description="The same key with the same body opens one request."),
]


def privacy_routes(
    desk: PrivacyDesk, settings: Settings, announce: Callable[[], Awaitable[None]], contacts: Contacts
) -> APIRouter:
    """The routes. `announce` takes a suppression over here, and wakes the other workers."""
    router = APIRouter(prefix="/v1/privacy/requests", tags=["privacy"], route_class=ScopedRoute)
    reads = needs(PRIVACY_READ, or_self=PRIVACY_SELF)

    @router.post(
        "", status_code=202, response_model=RequestReply, responses=documented(400, 413, 415, 422, 503),
        openapi_extra=needs(PRIVACY_WRITE, or_self=PRIVACY_SELF),
    )  # fmt: skip
    async def ask(body: RequestBody, request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Ask for access, erasure, restriction, its end, or correction, in the name of a person.

        From an erasure's or restriction's answer on, nothing personal of them is used or taken in, by any worker
        within a second. A receipt lists, seconds later, what was done where.

        With a user token people may ask for access, erasure and restriction of their own data.
        """
        named = [
            one.identifier(contacts.secret, f"identifiers[{place}].value", contacts.is_blocked)
            for place, one in enumerate(body.identifiers)
        ]
        access: Access = request.state.access
        _must_be_theirs(access, named, body.kind)
        asked = Asked(
            kind=body.kind, named=named, source=body.source, reason=body.reason, law=body.law, traits=body.traits,
            key=idempotency_key, body=body.model_dump_json().encode(),
        )  # fmt: skip
        opened, _ = await asyncio.to_thread(desk.open, asked, author_of(request))
        await announce()
        return json_response(request_reply(opened), 202)

    @router.get("", response_model=RequestsReply, responses=documented(422, 503), openapi_extra=reads)
    async def list_requests(
        request: Request,
        state: RequestState | None = None,
        kind: RequestKind | None = None,
        identifier: Annotated[
            str | None, Query(max_length=250, description="Of whom: `user_id:household-1`; also after an erasure.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 50,
        before: Annotated[str | None, Query(pattern=r"^[0-9]{1,18}$", description="`next` of the page before.")] = None,
    ) -> Response:
        """List requests, the newest first; with a user token, one's own."""
        access: Access = request.state.access
        of = _named(identifier)
        if not access.trusted:
            if of is not None and of != (USER_ID, str(access.subject)):
                raise NotAllowed(
                    "This token lists its own user's requests.", field="identifier", remedy="Leave it out."
                )
            of = _self(access)
        found, following = await asyncio.to_thread(
            lambda: desk.store.list(
                limit=limit, before=None if before is None else int(before), state=state, kind=kind, of=of
            )
        )
        return json_response(
            {"requests": [*map(request_reply, found)], "next": None if following is None else str(following)}
        )

    @router.get("/{request_id}", response_model=RequestReply, responses=documented(404, 422, 503), openapi_extra=reads)
    async def read_request(request_id: RequestId, request: Request) -> Response:
        """Read how a request stands, and its receipt."""
        return json_response(request_reply(await find(request_id, request.state.access)))

    @router.get(
        "/{request_id}/file",
        response_class=FileResponse,
        responses={
            200: {"description": "Everything that is kept of the person", "content": {"application/zip": {}}},
            **documented(404, 422, 503),
        },
        openapi_extra=reads,
    )
    async def fetch_file(request_id: RequestId, request: Request) -> Response:
        """Fetch the answer to an access request: a zip of JSON lines, with an index that explains them."""
        found = await find(request_id, request.state.access)
        file = export_file(settings, found.request_id)
        if found.kind != "access" or found.state != "done" or not file.exists():
            raise UnknownRequest(
                f"There is no file of {request_id} now.", field="request_id",
                remedy="It is there once the request is done, for a week; ask again after that.",
            )  # fmt: skip
        return FileResponse(
            file, media_type="application/zip", filename=file.name, headers={"cache-control": "no-store"}
        )

    async def find(request_id: str, access: Access) -> PrivacyRequest:
        found = await asyncio.to_thread(desk.store.read, request_id)
        if not access.trusted:
            theirs = await asyncio.to_thread(desk.store.of, _self(access))
            if found.request_id not in {one.request_id for one in theirs}:
                raise UnknownRequest(f"There is no request {request_id}.", field="request_id", remedy="List your own.")
        return found

    return router


def _must_be_theirs(access: Access, named: list[Identifier], kind: str) -> None:
    """A token speaks for its user id alone: to name a card or an address would show whose it is."""
    if access.trusted:
        return
    if kind not in SELF_KINDS:
        raise NotAllowed(f"Only the shop may ask for {kind}.", field="kind", remedy=f"Ask for {', '.join(SELF_KINDS)}.")
    if named != [_self(access)]:
        raise NotAllowed(
            "A user token asks for its own user alone.", field="identifiers",
            remedy="Send the user_id of the token, and nothing else.",
        )  # fmt: skip


def _self(access: Access) -> Identifier:
    if access.subject is None:
        raise NotAllowed(
            "This key asks for people only with a user token.", remedy="Send the header X-User-Token (docs/keys.md)."
        )
    return USER_ID, str(access.subject)


def _named(identifier: str | None) -> Identifier | None:
    if identifier is None:
        return None
    kind, _, value = identifier.partition(":")
    if not kind or not value:
        raise InvalidInput("this names nobody", field="identifier", remedy="Send `kind:value`, as user_id:household-1.")
    return kind, value
