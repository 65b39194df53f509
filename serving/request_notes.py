"""What is noted of the request that is being answered, for the log: its names, its stages, what it went without."""

import os
import re
from contextvars import ContextVar
from dataclasses import dataclass, field

# An id of the caller's own, if nobody could mistake it for a person's (no @) or for more than one line.
REQUEST_ID = re.compile(rb"[A-Za-z0-9_.:/+=-]{1,128}")
# W3C Trace Context: version ff is none, an id of zeros neither; what later versions add at the end is not read.
TRACEPARENT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-[\x21-\x7e]*)?"
)
SAMPLED = 1


@dataclass(slots=True)
class RequestNotes:
    """The notes of one request.

    Attributes:
        request_id: what the caller calls it; else the id of its trace; else a new one of 32 hexadecimal digits.
        trace_id, span_id: of W3C Trace Context; None: the caller traces nothing. The span is this request's own.
        sampled: whether the caller records this trace.
        stages: seconds by stage, in order.
        reasons: what decided how it was answered: fallback levels, what it went without; each once.
    """

    request_id: str
    trace_id: str | None = None
    span_id: str | None = None
    sampled: bool = False
    stages: dict[str, float] = field(default_factory=dict[str, float])
    reasons: dict[str, None] = field(default_factory=dict[str, None])

    @property
    def traceresponse(self) -> bytes | None:
        """The answer to `traceparent`: the same trace, this request's span, and whether it is recorded here."""
        if self.trace_id is None:
            return None
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}".encode()


NOTES: ContextVar[RequestNotes | None] = ContextVar("request_notes", default=None)


def notes_of(request_id: bytes | None, traceparent: bytes | None) -> RequestNotes:
    """Notes of a request with these headers; what they should not be is as if it had not been sent."""
    given = request_id is not None and REQUEST_ID.fullmatch(request_id) is not None
    trace = None if traceparent is None else TRACEPARENT.fullmatch(traceparent)
    if trace is None or (trace[1] == b"00" and len(trace[0]) != len(b"00--") + 32 + 16 + 3):
        name = request_id.decode() if given and request_id is not None else os.urandom(16).hex()
        return RequestNotes(name)
    trace_id = trace[2].decode()
    name = request_id.decode() if given and request_id is not None else trace_id
    return RequestNotes(name, trace_id, os.urandom(8).hex(), bool(int(trace[4], 16) & SAMPLED))
