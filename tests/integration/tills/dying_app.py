"""The till's routes on a real uvicorn, whose process dies, or loses its database, at a step that a request names."""

import asyncio
import os
from datetime import datetime, timedelta
from signal import SIGKILL

import httpx
from fastapi import APIRouter, FastAPI
from sqlalchemy import Connection, Engine, event
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.ledger.ledger import Ledger
from features.ledger.signing_keys import SigningKeys
from features.ledger.values import Coupon, IssueRequest
from features.sql.engine import engine_of
from serving.access import COUPONS_READ, ScopedRoute, needs
from serving.coupons.baskets import Judge
from serving.coupons.guesses import FREE_CODES, CodeGuesses
from serving.coupons.routes import coupon_routes
from serving.coupons.use_cases import TillDesk
from serving.problems import answer_with_problems
from tests.builders import small_catalogue
from tests.gates import lockout, open_gate

SECRET, NOW = b"s" * 32, datetime.fromisoformat("2026-11-01T12:00:00+00:00")
STEP, VICTIM = "x-step", "x-victim"  # headers: at which step of the request what is killed; victim: api or database
STEPS = "x-steps"  # header of the reply: how many there were


class Doom:
    """Counts the steps of a request, and kills at the one that is named: with SIGKILL, so that nothing is tidied up.

    Steps: each statement, before it is sent; each commit, before it is sent; the reply, when all is committed.
    """

    def __init__(self, engine: Engine) -> None:
        self.steps, self._last, self._victim, self._backend = 0, 0, "", 0
        event.listen(engine, "before_cursor_execute", lambda connection, *_: self._step(connection))
        event.listen(engine, "commit", self._step)

    def begin(self, last: int, victim: str) -> None:
        self.steps, self._last, self._victim = 0, last, victim

    def before_reply(self) -> None:
        self._step(None)

    def _step(self, connection: Connection | None) -> None:
        if connection is not None and connection.dialect.name == "postgresql":
            raw = connection.connection.dbapi_connection
            assert raw is not None
            self._backend = raw.info.backend_pid
        self.steps += 1
        if self.steps == self._last:
            os.kill(os.getpid() if self._victim == "api" else self._backend, SIGKILL)


class DoomedReplies:
    """Takes the step and the victim from the headers of a request."""

    def __init__(self, app: ASGIApp, doom: Doom) -> None:
        self._app, self._doom = app, doom

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = dict(scope["headers"])
        self._doom.begin(int(headers.get(STEP.encode(), b"0")), headers.get(VICTIM.encode(), b"").decode())

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._doom.before_reply()
                message["headers"] = [*message["headers"], (STEPS.encode(), str(self._doom.steps).encode())]
            await send(message)

        return await self._app(scope, receive, told)


def application(engine: Engine) -> FastAPI:
    """The till's routes over a database, and one that issues coupons."""
    ledger = Ledger(engine, lambda: SECRET, lambda: NOW)
    desk = TillDesk(ledger, SigningKeys(engine, lambda: SECRET), Judge(lambda: small_catalogue(2)), lambda: NOW)
    app = FastAPI()
    app.state.gate = open_gate()
    answer_with_problems(app)
    app.include_router(
        coupon_routes(desk, CodeGuesses(lockout("codes", FREE_CODES), ledger.are_single, lambda *_: None))
    )
    app.include_router(_issuing(ledger))
    app.add_middleware(DoomedReplies, doom=Doom(engine))
    return app


def _issuing(ledger: Ledger) -> APIRouter:
    router = APIRouter(route_class=ScopedRoute)

    @router.post("/issue/{decision_id}", openapi_extra=needs(COUPONS_READ))
    def issue(decision_id: str) -> dict[str, str]:
        issued = ledger.issue(
            IssueRequest(
                campaign_id="fifth", decision_id=decision_id, holder=("user_id", "ann"), device_id="phone",
                store_id="s1", most_discount=90, valid_from=NOW, valid_until=NOW + timedelta(hours=4),
            )
        )  # fmt: skip
        assert isinstance(issued, Coupon)
        return {"code": issued.code}

    return router


def warm_application(url: str) -> FastAPI:
    """The application over a database, which has nothing open."""
    engine = engine_of(url)
    app = application(engine)
    asyncio.run(_warm_up(app))
    engine.dispose()
    return app


async def _warm_up(app: FastAPI) -> None:
    """Issue and use a coupon once, so that no life has to compile the statements again."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        code = (await client.post(f"/issue/{os.getpid()}")).json()["code"]
        lines = [{"item_id": "i1", "quantity": 1, "amount": 300}]
        body = {"coupons": [code], "store_id": "s1", "basket": {"currency": "EUR", "lines": lines}, "order_id": "o"}
        used = await client.post("/v1/redemptions", json=body, headers={"idempotency-key": f"{os.getpid()}"})
        assert used.is_success, used.text
