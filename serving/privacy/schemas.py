"""Bodies of the routes of requests, and what they answer with."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from features.sql.privacy_store import PrivacyRequest
from serving.subjects import Body, IdentifierBody

RequestKind = Literal["access", "erasure", "restriction", "lift_restriction", "lift_suppression", "correction"]
RequestState = Literal["waiting", "finishing", "done"]
Trait = bool | int | float | Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")] | None
TraitName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]+$")]


class RequestBody(Body):
    """What a person asks for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "erasure",
                    "identifiers": [{"kind": "user_id", "value": "household-1"}],
                    "source": "shopper",
                    "reason": "wrote on 3 November",
                    "law": "eu",
                }
            ]
        }
    )

    kind: RequestKind
    identifiers: list[IdentifierBody] = Field(
        min_length=1, max_length=20, description="Of one person; all their other identifiers are found by these."
    )
    source: Literal["shopper", "agent", "shop", "authority"] = Field(default="shopper", description="Who asks for it.")
    reason: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")] = Field(
        default="", description="For your records; taken out when the person is erased."
    )
    law: Annotated[str, StringConstraints(max_length=40)] | None = Field(
        default=None, description="Whose clock counts: `eu`, `uk`, `california`, ... (rights.toml)."
    )
    traits: dict[TraitName, Trait] | None = Field(
        default=None, max_length=200, description="Of a correction: how they should be; null takes one away."
    )


class RequestReply(BaseModel):
    """How a request stands."""

    request_id: str = Field(examples=["prq_0a1b2c3d4e5f60718293"])
    kind: RequestKind
    state: RequestState
    source: str
    reason: str
    law: str
    received_at: str
    due_at: str = Field(description="By the clock of the law.")
    completed_at: str | None
    identifiers: list[dict[str, str]] = Field(description="All of the person; none once they are erased.")
    receipt: dict[str, Any] | None = Field(description="What was done, store by store; names nobody.")
    file: str | None = Field(description="Where the answer to an access request is, for a week.")


class RequestsReply(BaseModel):
    """Requests, the newest first."""

    requests: list[RequestReply]
    next: str | None = Field(description="Send as `before` for the next page; null: this was the last.")


def request_reply(request: PrivacyRequest) -> dict[str, Any]:
    """A request as JSON."""
    has_file = request.kind == "access" and request.state == "done"
    return {
        "request_id": request.request_id,
        "kind": request.kind,
        "state": request.state,
        "source": request.source,
        "reason": request.reason,
        "law": request.law,
        "received_at": _text(request.received_at),
        "due_at": _text(request.due_at),
        "completed_at": None if request.completed_at is None else _text(request.completed_at),
        "identifiers": [{"kind": kind, "value": value} for kind, value in request.subject],
        "receipt": request.receipt,
        "file": f"/v1/privacy/requests/{request.request_id}/file" if has_file else None,
    }


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
