"""The Idempotency-Key of a request: every POST that has an effect in SQL asks for one."""

from hashlib import sha256

from fastapi import Request
from starlette.responses import Response

from features.ledger.idempotency import Call, Reply, digest_of_body
from recommender.errors import KeyMissing
from serving.encoding import JsonBytes

LONGEST_KEY = 255
PARAMETER = {
    "name": "Idempotency-Key", "in": "header", "required": True,
    "description": "Your own name of this call. Repeated with the same body, it has no second effect and is answered "
    "as the first time, with the header Idempotent-Replayed: true.",
    "schema": {"type": "string", "maxLength": LONGEST_KEY, "minLength": 1}, "example": "till-7-2026-11-01-000123",
}  # fmt: skip


async def read_call(request: Request) -> Call:
    """What names this call; raises KeyMissing."""
    key = request.headers.get("idempotency-key", "")
    if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
        raise KeyMissing(
            f"This call needs the header Idempotency-Key, of 1 to {LONGEST_KEY} characters.",
            field="Idempotency-Key",
            remedy="Make a new key for each call, and send the same one again when you repeat it.",
        )
    caller = sha256(request.headers.get("authorization", "").encode("utf-8", "surrogateescape")).hexdigest()
    return Call(caller, request.url.path[:200], key, digest_of_body(await request.body()))


def answered(reply: Reply) -> Response:
    """The reply as it goes out."""
    headers = {"idempotent-replayed": "true"} if reply.replayed else None
    return JsonBytes(reply.body, status_code=reply.status, headers=headers)
