"""The switch that stops all campaigns at once."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from features.audit import Author
from features.sql.halt_store import Halt, HaltStore
from serving.access import CAMPAIGNS_READ, CAMPAIGNS_WRITE, ScopedRoute, author_of, needs
from serving.problem_document import documented

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500, pattern=r"^[^\x00]*$")]


class SwitchBody(BaseModel):
    """Whether everything is to be stopped, and why; the audit trail keeps the reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    on: bool = Field(strict=True, description="True: nothing is issued, reserved or redeemed.", examples=[True])
    reason: Reason = Field(examples=["A discount of 100 % was printed by mistake"])


class SwitchReply(BaseModel):
    """How the switch stands; the rest is null while it is off."""

    on: bool
    reason: str | None = None
    since: str | None = Field(default=None, examples=["2026-11-01T12:15:00.000000+00:00"])
    by: str | None = Field(default=None, description="The id of a key, or `cli`.")


def halting_routes(store: HaltStore) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/kill-switch", tags=["campaigns"], route_class=ScopedRoute)

    @router.get("", responses=documented(503), openapi_extra=needs(CAMPAIGNS_READ))
    async def read_kill_switch() -> SwitchReply:
        """Say whether all campaigns are stopped, why, since when and by whom."""
        return _reply(await asyncio.to_thread(store.read))

    @router.put("", responses=documented(400, 413, 415, 422, 503), openapi_extra=needs(CAMPAIGNS_WRITE))
    async def put_kill_switch(body: SwitchBody, request: Request) -> SwitchReply:
        """Stop all campaigns at once, or let them go on as each stands. Said again, it changes nothing.

        When this returns it holds at every worker: while it is on, no coupon is issued, reserved or redeemed, also of
        campaigns that are activated meanwhile. Coupons that are out are kept; what was redeemed can be rolled back.
        """
        return _reply(await asyncio.to_thread(_switch, store, body, author_of(request)))

    return router


def _switch(store: HaltStore, body: SwitchBody, by: Author) -> Halt | None:
    return store.halt(body.reason, by=by) if body.on else store.lift(body.reason, by=by)


def _reply(halt: Halt | None) -> SwitchReply:
    if halt is None:
        return SwitchReply(on=False)
    return SwitchReply(on=True, reason=halt.reason, since=halt.halted_at, by=halt.halted_by)
