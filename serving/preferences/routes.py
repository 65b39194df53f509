"""Routes of consents and preferences: write them down, read those of one person, follow those of all."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from features.controller import Controller
from features.identity import ANONYMOUS_ID, USER_ID, Identifier
from features.permission_documents import time_text
from features.preference_links import make_link
from features.sql.permission_feed import START, parse_position
from recommender.consent import Entry
from recommender.errors import InvalidInput, NotAllowed
from recommender.preferences import Preference
from serving.access import CONSENT_SELF, CONSENTS_READ, CONSENTS_WRITE, Access, ScopedRoute, author_of, needs
from serving.clock import Clock
from serving.encoding import json_response
from serving.preferences.entry_ids import EntryIds
from serving.preferences.replies import (
    ChangesReply,
    ChoicesReply,
    ConsentsReply,
    LinkReply,
    PreferencesReply,
    changes_document,
    choices_document,
    standing_documents,
    subject_document,
)
from serving.preferences.schemas import ConsentsBody, LinkBody, PreferencesBody, SaidBody
from serving.preferences.use_cases import ChoicesDesk
from serving.problem_document import documented
from serving.subjects import ProfileName, person_named

PAGE = "/preferences"
IdempotencyKey = Annotated[
    str | None,
    Header(pattern=r"^[\x21-\x7e]{1,200}$", description="Of the call: made again with the same, it counts once."),
]


def choices_routes(
    desk: ChoicesDesk, controller: Controller, secret: Callable[[], bytes], public_url: str, clock: Clock
) -> APIRouter:
    """The routes; `public_url`: where shoppers reach the service."""
    router = APIRouter(prefix="/v1", tags=["consents"], route_class=ScopedRoute)
    problems = documented(400, 401, 403, 413, 415, 422, 503)
    refusals = documented(400, 401, 403, 409, 413, 415, 422, 503)
    writes, reads = needs(CONSENTS_WRITE, or_self=CONSENT_SELF), needs(CONSENTS_READ)

    def check_topic(body: SaidBody, field: str) -> None:
        if body.topic is not None and body.topic not in controller.topics:
            known = ", ".join(controller.topics) or "none: leave it out"
            raise InvalidInput(
                f"there is no topic {body.topic!r}", field=f"{field}.topic", remedy=f"There are {known}."
            )

    @router.post("/consents", response_model=ConsentsReply, responses=refusals, openapi_extra=writes)
    async def record_consents(body: ConsentsBody, request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Write down what people said on purposes; answered once every channel knows it, with what holds now.

        With a publishable key: only of the subject of the user token, or of the caller's own anonymous id.
        """
        access, now, entries = _access(request), clock(), list[Entry]()
        ids = EntryIds(idempotency_key, are_trusted=_may_write_for_all(access))
        for place, one in enumerate(body.consents):
            field = f"consents[{place}]"
            subject = one.subject(secret, field)
            _must_be_own(access, subject, field)
            desk.refuse_erased(subject, field)
            check_topic(one, field)
            entries += one.entries(
                subject, now, ids, place, notice_version=controller.notice.version, vouched=_is_vouched(access, subject)
            )
        recorded = await desk.add_consents(entries, author_of(request))
        subjects = list(dict.fromkeys(one.subject for one in entries))
        if _may_write_for_all(access):
            held = await desk.standings(subjects)
        else:
            held = {subject: await desk.own_standings(subject) for subject in subjects}
        return json_response(
            {
                "recorded": recorded,
                "repeated": len(entries) - recorded,
                "subjects": [
                    {"subject": subject_document(subject), "purposes": standing_documents(standings, now)}
                    for subject, standings in held.items()
                ],
            }
        )

    @router.post("/preferences", response_model=PreferencesReply, responses=refusals, openapi_extra=writes)
    async def record_preferences(
        body: PreferencesBody, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Write down how often people want to hear, on which channel, about what. It narrows what they consented to."""
        access, now, said = _access(request), clock(), list[Preference]()
        ids = EntryIds(idempotency_key, are_trusted=_may_write_for_all(access))
        for place, one in enumerate(body.preferences):
            field = f"preferences[{place}]"
            subject = one.subject(secret, field)
            if not _is_vouched(access, subject):
                _refuse(field)
            desk.refuse_erased(subject, field)
            check_topic(one, field)
            said.append(one.preference(subject, now, ids, place))
        recorded = await desk.add_preferences(said, author_of(request))
        return json_response({"recorded": recorded, "repeated": len(said) - recorded})

    @router.get("/consents/changes", response_model=ChangesReply, responses=problems, openapi_extra=reads)
    async def follow_changes(
        after: Annotated[
            str | None, Query(max_length=100, description="`next` of the answer before; none: from the first.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """Follow what people say on consents and preferences, in every channel, in the order it was written down.

        Nothing is left out and nothing comes late, so a caller who keeps `next` misses nothing.
        """
        start = START if after is None else parse_position(after)
        return json_response(changes_document(await desk.changes(start, limit), start, limit))

    @router.post("/consents/links", response_model=LinkReply, responses=refusals, openapi_extra=needs(CONSENTS_WRITE))
    async def make_page_link(body: LinkBody, request: Request) -> Response:
        """Make a link to the preference centre for a message or an account page; whoever has it may choose for them."""
        expires_at = (clock() + timedelta(days=body.valid_days)).replace(microsecond=0)
        subject = body.subject(secret, "user_id")
        desk.refuse_erased(subject, "user_id")
        token = make_link(secret(), subject, expires_at)
        await desk.note_link(author_of(request))
        return json_response({"url": f"{public_url}{PAGE}?t={token}", "expires_at": time_text(expires_at)})

    @router.get(
        "/profiles/{profile_id:path}/consents",
        response_model=ChoicesReply, responses=documented(401, 403, 404, 422, 503), openapi_extra=reads,
    )  # fmt: skip
    async def read_choices(profile_id: ProfileName) -> Response:
        """Read what a person allows and wants, all they ever said, and a receipt."""
        found = await desk.read(person_named(profile_id, secret))
        return json_response(choices_document(found, controller, public_url + PAGE, clock()))

    return router


def _access(request: Request) -> Access:
    return request.state.access


def _may_write_for_all(access: Access) -> bool:
    return CONSENTS_WRITE in access.scopes


def _is_vouched(access: Access, subject: Identifier) -> bool:
    """Whether the shop's machine or the shopper's own token stands for it."""
    kind, value = subject
    token = {USER_ID: access.subject, ANONYMOUS_ID: access.anonymous_id}
    return _may_write_for_all(access) or (value == token.get(kind))


def _must_be_own(access: Access, subject: Identifier, field: str) -> None:
    """Refuse to write for somebody else; raises NotAllowed. An anonymous id without a token is the caller's claim."""
    if _may_write_for_all(access):
        return
    kind, value = subject
    if kind not in {USER_ID, ANONYMOUS_ID}:
        _refuse(field)
    access.must_speak_for(value if kind == USER_ID else None, value if kind == ANONYMOUS_ID else None)


def _refuse(field: str) -> None:
    raise NotAllowed(
        "This key may write only for the shopper who shows it.", field=field,
        remedy="Send the header X-User-Token with a token of this user (docs/keys.md), or use a secret key.",
    )  # fmt: skip
