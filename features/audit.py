"""The audit trail: who changed what, when, in which request; and the seal that chains one entry to the one before."""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from hashlib import sha256

import orjson

GENESIS = "0" * 64  # the seal before the first
PLAIN_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")  # no address, and nothing that a page could mistake for markup


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes.

    Attributes:
        actor: the id of a key, "cli", "shopper" (by a signed link), "local" (a service on a loopback address without
            keys), or "system".
        request_id: of the HTTP request, if it came with one.
    """

    actor: str
    request_id: str | None = None


SYSTEM, CLI = Author("system"), Author("cli")


@dataclass(frozen=True, slots=True)
class Entry:
    """One write, as the trail will have it; nothing in it may name a person.

    Attributes:
        action: what was done, as `area.verb`: "keys.revoke".
        object_kind: of what: "item", "key", "profile".
        object_id: which one, None of many; of a person `pseudonym`.
        details: counts, and words of ours; no text of a caller.
    """

    by: Author
    action: str
    object_kind: str
    object_id: str | None = None
    details: Mapping[str, int | str] = field(default_factory=dict[str, int | str])


@dataclass(frozen=True, slots=True)
class Written:
    """An entry as it is on record.

    Attributes:
        audit_number: in the order of writing, with gaps.
        made_at: RFC 3339, UTC.
        details: JSON.
        sequence: its place in the chain, from 1, without gaps; None: not sealed yet.
        seal: of the chain up to here, 64 hexadecimal digits.
    """

    audit_number: int
    made_at: str
    actor: str
    action: str
    object_kind: str
    object_id: str | None
    request_id: str | None
    details: str
    sequence: int | None = None
    seal: str | None = None


FACTS = tuple(one.name for one in fields(Written) if one.name not in {"sequence", "seal"})


def seal_of(entry: Written, sequence: int, previous: str) -> str:
    """SHA-256 of the UTF-8 JSON array, without spaces, of the previous seal, the sequence and the entry's facts."""
    content = [previous, sequence, *(getattr(entry, name) for name in FACTS)]
    return sha256(orjson.dumps(content)).hexdigest()


def pseudonym(secret: bytes, kind: str, value: str) -> str:
    """What the trail calls a person: always the same, of no use to who has not the secret of the deployment."""
    return hmac.new(secret, f"audit\0{kind}\0{value}".encode(), sha256).hexdigest()[:32]


def plain_request_id(request_id: str | None) -> str | None:
    """A request id as the trail has it: callers choose theirs, so one that may say something is hashed."""
    if request_id is None or PLAIN_REQUEST_ID.fullmatch(request_id):
        return request_id
    return "sha256:" + sha256(request_id.encode("utf-8", "surrogatepass")).hexdigest()
