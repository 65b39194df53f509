"""Routes of profiles: read and change one, merge people, take a merge back."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request
from redis.exceptions import RedisError
from starlette.responses import Response

from features.identity import Contacts, Identifier
from features.sql.identity_store import IdentityStore
from features.sql.profile_store import ProfileStore
from recommender.errors import StoreUnavailable
from serving.access import PROFILES_READ, PROFILES_WRITE, ScopedRoute, author_of, needs
from serving.clock import Clock
from serving.encoding import json_response
from serving.problem_document import documented
from serving.profiles.schemas import (
    MERGE_PREFIX,
    MergeBody,
    MergedReply,
    ProfileReply,
    TraitsBody,
    profile_reply,
)
from serving.subjects import ProfileName, person_named

MergeName = Annotated[str, Path(pattern=r"^mrg_[0-9]{1,18}$", description="From the profile.", examples=["mrg_3"])]


def profile_routes(
    store: IdentityStore,
    profiles: ProfileStore,
    announce: Callable[[], Awaitable[None]],
    rebuild: Callable[[Sequence[Identifier], datetime], Awaitable[None]],
    contacts: Contacts,
    refuse_erased: Callable[[Identifier, str], None],
    clock: Clock,
) -> APIRouter:
    """The routes.

    `announce` wakes the workers after a change in SQL; `rebuild` makes the live state of their users anew;
    `refuse_erased` raises Erased for an identifier of which nothing may be kept.
    """
    router = APIRouter(prefix="/v1/profiles", tags=["profiles"], route_class=ScopedRoute)
    problems, refusals = documented(400, 404, 413, 415, 422, 503), documented(400, 404, 409, 413, 415, 422, 503)
    reads, writes = needs(PROFILES_READ), needs(PROFILES_WRITE)

    @router.post("/merges", response_model=MergedReply, responses=refusals, openapi_extra=writes)
    async def merge_profiles(body: MergeBody, request: Request) -> Response:
        """Say that identifiers are one person's. Saying it again changes nothing; DELETE takes it back."""
        named = [
            one.identifier(contacts.secret, f"identifiers[{place}].value", contacts.is_blocked)
            for place, one in enumerate(body.identifiers)
        ]
        for place, one in enumerate(named):
            refuse_erased(one, f"identifiers[{place}].value")
        merged = await asyncio.to_thread(store.merge, named, body.reason, clock(), by=author_of(request))
        await announce()
        profile = await asyncio.to_thread(profiles.read, merged.profile_number)
        merge_id = None if merged.merge_number is None else f"{MERGE_PREFIX}{merged.merge_number}"
        return json_response({"merge_id": merge_id, "profile": profile_reply(profile)})

    @router.delete("/merges/{merge_id}", status_code=204, responses=documented(404, 422, 503), openapi_extra=writes)
    async def take_merge_back(merge_id: MergeName, request: Request) -> Response:
        """Take a merge back: the people are again who they were without it, and each is known by their own events.

        With a 503 it is taken back, but what either did may still be known of the other: the same call, made again,
        sees to that.
        """
        number = int(merge_id.removeprefix(MERGE_PREFIX))
        touched = await asyncio.to_thread(store.unmerge, number, "taken back", clock(), by=author_of(request))
        await announce()
        try:
            await rebuild(touched, clock())
        except (RedisError, OSError) as error:
            message = f"the merge is taken back, but live state cannot be reached: {error}"
            raise StoreUnavailable(message, remedy="Send the same request again later.") from error
        return Response(status_code=204)

    @router.get("/{profile_id:path}", response_model=ProfileReply, responses=problems, openapi_extra=reads)
    async def read_profile(profile_id: ProfileName) -> Response:
        """Read a profile: identifiers, traits, and the merges that hold it together."""
        return json_response(
            profile_reply(await asyncio.to_thread(profiles.read, person_named(profile_id, contacts.secret)))
        )

    @router.patch("/{profile_id:path}", response_model=ProfileReply, responses=refusals, openapi_extra=writes)
    async def change_profile(profile_id: ProfileName, body: TraitsBody, request: Request) -> Response:
        """State traits; of two words on one trait, also after a merge, the newer counts."""
        name, by = person_named(profile_id, contacts.secret), author_of(request)
        if not isinstance(name, int):
            refuse_erased(name, "profile_id")
        changed = await asyncio.to_thread(profiles.change_traits, name, body.traits, clock(), by=by)
        return json_response(profile_reply(changed))

    return router
