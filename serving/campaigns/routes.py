"""Routes of campaigns."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request
from pydantic import StringConstraints
from starlette.responses import Response

from features.campaigns import StoredCampaign
from recommender.errors import ConditionMissing, InvalidInput
from recommender.offers.campaign import CampaignState
from recommender.offers.campaign_life import Action
from serving.access import CAMPAIGNS_READ, CAMPAIGNS_WRITE, ScopedRoute, author_of, needs
from serving.campaigns.replies import campaign_reply, etag_of, preview_reply, summary_reply
from serving.campaigns.schemas import (
    CampaignBody,
    CampaignList,
    CampaignReply,
    DefinitionBody,
    PreviewReply,
    VersionList,
)
from serving.campaigns.use_cases import CampaignDesk
from serving.encoding import json_response
from serving.problem_document import documented

CampaignName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$")]
Id = Annotated[CampaignName, Path(examples=["pasta-december"])]
IfMatch = Annotated[
    str | None,
    Header(description="The ETag of the campaign as you have seen it; 412 if it has changed since.", examples=['"17"']),
]
State = Annotated[CampaignState | None, Query(description="Left out: all.")]
After = Annotated[str, Query(max_length=100, pattern=r"^[^\x00]*$", description="`next_after` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=1_000)]
Coupons = Annotated[bool, Query(description="Also refuse the coupons that are out; they stay unused for good.")]


def campaign_routes(desk: CampaignDesk) -> APIRouter:
    """The routes, answered by `desk`."""
    router = APIRouter(prefix="/v1/campaigns", tags=["campaigns"], route_class=ScopedRoute)
    reads, writes = needs(CAMPAIGNS_READ), needs(CAMPAIGNS_WRITE)
    bodies, steps = documented(400, 409, 413, 415, 422, 503), documented(404, 409, 412, 422, 503)

    async def reply(stored: StoredCampaign, status: int = 200) -> Response:
        response = json_response(campaign_reply(stored, await desk.findings(stored)), status)
        response.headers["etag"] = etag_of(stored)
        return response

    @router.get("", response_model=CampaignList, responses=documented(422, 503), openapi_extra=reads)
    async def list_campaigns(state: State = None, after: After = "", limit: Limit = 100) -> Response:
        """List campaigns by id."""
        page = await desk.read_page(state, after, limit)
        last = page[-1].campaign_id if len(page) == limit else None
        return json_response({"campaigns": [summary_reply(stored) for stored in page], "next_after": last})

    @router.post("", response_model=CampaignReply, status_code=201, responses=bodies, openapi_extra=writes)
    async def create_campaign(body: CampaignBody, request: Request) -> Response:
        """Make a draft; nothing is offered before it is activated. Sent again as it was, it is made once."""
        definition = body.model_dump(exclude_unset=True)
        campaign_id = definition.pop("campaign_id")
        return await reply(await desk.create(campaign_id, definition, author_of(request)), 201)

    @router.get(
        "/{campaign_id}", response_model=CampaignReply, responses=documented(404, 422, 503), openapi_extra=reads
    )
    async def read_campaign(campaign_id: Id) -> Response:
        """Read one campaign as it stands, and what is wrong with it."""
        return await reply(await desk.read(campaign_id))

    @router.put(
        "/{campaign_id}",
        response_model=CampaignReply,
        responses=bodies | documented(404, 412, 428),
        openapi_extra=writes,
    )
    async def replace_campaign(
        campaign_id: Id, body: DefinitionBody, request: Request, if_match: IfMatch = None
    ) -> Response:
        """Put a new version in force, within a tenth of a second; coupons that are out keep the terms of theirs."""
        seen = _number_of(if_match)
        if seen is None:
            raise ConditionMissing(
                "A campaign is replaced only by who has seen it as it stands.",
                field="if-match", remedy="Read it, and send its ETag in the header If-Match.",
            )  # fmt: skip
        definition = body.model_dump(exclude_unset=True)
        return await reply(await desk.replace(campaign_id, definition, seen, author_of(request)))

    @router.delete("/{campaign_id}", status_code=204, responses=steps, openapi_extra=writes)
    async def delete_campaign(campaign_id: Id, request: Request, if_match: IfMatch = None) -> Response:
        """Delete a draft. What was active once stays on record: end it."""
        await desk.delete(campaign_id, _number_of(if_match), author_of(request))
        return Response(status_code=204)

    def step(action: Action, says: str) -> None:
        async def take(campaign_id: Id, request: Request, if_match: IfMatch = None) -> Response:
            return await reply(await desk.move(campaign_id, action, _number_of(if_match), author_of(request)))

        take.__name__, take.__doc__ = f"{action}_campaign", says
        path: dict[str, Any] = {"response_model": CampaignReply, "responses": steps, "openapi_extra": writes}
        router.post(f"/{{campaign_id}}/{action}", **path)(take)

    step("activate", "Offer it from its first moment on. One that has errors is refused with the first of them.")
    step("pause", "Offer it no more until it is activated again; coupons that are out are redeemed.")
    step("end", "Offer it no more, for good; coupons that are out are redeemed.")

    @router.post("/{campaign_id}/kill", response_model=CampaignReply, responses=steps, openapi_extra=writes)
    async def kill_campaign(
        campaign_id: Id, request: Request, coupons: Coupons = False, if_match: IfMatch = None
    ) -> Response:
        """End it at once: when this returns the ledger issues nothing more, whatever a worker still believes."""
        seen = _number_of(if_match)
        return await reply(await desk.move(campaign_id, "kill", seen, author_of(request), coupons=coupons))

    @router.get(
        "/{campaign_id}/versions", response_model=VersionList, responses=documented(404, 422, 503), openapi_extra=reads
    )
    async def list_versions(campaign_id: Id) -> Response:
        """List all versions, the newest first."""
        names = ("version", "made_at", "actor", "definition")
        versions = [{name: getattr(one, name) for name in names} for one in await desk.versions(campaign_id)]
        return json_response({"campaign_id": campaign_id, "versions": versions})

    @router.get(
        "/{campaign_id}/preview", response_model=PreviewReply, responses=documented(404, 422, 503), openapi_extra=reads
    )
    async def preview_campaign(campaign_id: Id) -> Response:
        """Say who would get it, and what it would cost at most."""
        return json_response(preview_reply(await desk.preview(campaign_id)))

    return router


def _number_of(if_match: str | None) -> int | None:
    """The change number in an ETag of ours; None: any will do."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = re.fullmatch(r'"(\d{1,18})"', if_match.strip())
    if found is None:
        raise InvalidInput(
            "If-Match holds no ETag of a campaign.", field="if-match", remedy='Send it as you got it: "17".'
        )
    return int(found[1])
