"""The audit trail as JSON."""

from datetime import datetime

import orjson
from pydantic import BaseModel, ConfigDict, Field

from features.audit import Written


class AuditEntry(BaseModel):
    """One write, and its seal."""

    model_config = ConfigDict(frozen=True)

    sequence: int = Field(description="Place in the chain, from 1, without gaps.", examples=[17])
    number: int = Field(description="In the order of writing.", examples=[19])
    made_at: datetime
    actor: str = Field(description="Id of a key, `cli`, `shopper`, `local` or `system`.", examples=["key_0a1b2c3d4e5f"])
    action: str = Field(examples=["catalogue.put"])
    object_kind: str = Field(examples=["item"])
    object_id: str | None = Field(description="Null: of many. A person is a pseudonym.", examples=["1029743"])
    request_id: str | None = Field(examples=["5f0c3a1e9b7d4c62a8e1f00d2b6c9d13"])
    details: dict[str, int | str] = Field(examples=[{"rows": 100}])
    seal: str = Field(description="SHA-256 over the seal before and this entry (docs/audit.md).")


class AuditPage(BaseModel):
    """Entries in the order of the chain."""

    model_config = ConfigDict(frozen=True)

    entries: list[AuditEntry]
    next_after: int = Field(description="What to send as `after` for the next page, also when this one is empty.")


def audit_reply(entries: list[Written], after: int) -> dict[str, object]:
    """The reply, ready to be encoded."""
    return {
        "entries": [
            {
                "sequence": one.sequence, "number": one.audit_number, "made_at": one.made_at, "actor": one.actor,
                "action": one.action, "object_kind": one.object_kind, "object_id": one.object_id,
                "request_id": one.request_id, "details": orjson.loads(one.details), "seal": one.seal,
            }
            for one in entries
        ],
        "next_after": entries[-1].sequence if entries else after,
    }  # fmt: skip
