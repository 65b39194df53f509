"""What is answered to a request that there is no time for, made without the application."""

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from functools import lru_cache

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from serving.cors import readable_by
from serving.envelope import complete, read_headers
from serving.metrics import Metrics
from serving.problem_document import MEDIA_TYPE, problem_response
from serving.request_notes import RequestNotes

HEADERS = ((b"retry-after", b"1"), (b"content-type", MEDIA_TYPE.encode()))
DETAIL = "There is more to do than this worker can do now."
REMEDY = "Send the same request again after as many seconds as Retry-After says; docs/degradation.md says who waits."
PATHS = 256  # whose problem is kept
ENDS = b'"}'  # of a problem, after its request's id, which is its last field

Headers = Iterable[tuple[bytes, bytes]]


class Refusal:
    """Makes refusals, in a fraction of the time of what they refuse.

    Args:
        origins: of the pages that may read them.
    """

    def __init__(self, metrics: Metrics, origins: Callable[[], AbstractSet[str]]) -> None:
        self._metrics, self._origins = metrics, origins
        nobody: Scope = {"path": "", "scheme": "http", "added_headers": ()}
        said = complete(HEADERS, nobody, RequestNotes(""))
        self._always = _lines(header for header in said if header[0] != b"x-request-id")

    def __call__(
        self, method: str, path: str, headers: list[tuple[bytes, bytes]], more: Headers, seconds: float
    ) -> bytes:
        """The whole answer to a request, as it is sent; `more`: headers that it has besides; `seconds`: it waited."""
        notes, _ = read_headers(headers)
        request_id = notes.request_id.encode()
        body = _problem_of(path) + request_id + ENDS
        said = _lines([*more, *self._said_of(headers, notes)])
        self._metrics.request_answered(method, "unmatched", 503, seconds)
        return b"%b%b%bx-request-id: %b\r\ncontent-length: %d\r\n\r\n%b" % (
            STATUS_LINE[503], self._always, said, request_id, len(body), b"" if method == "HEAD" else body,
        )  # fmt: skip

    def _said_of(self, headers: list[tuple[bytes, bytes]], notes: RequestNotes) -> Headers:
        if (trace := notes.traceresponse) is not None:
            yield b"traceresponse", trace
        for name, value in headers:
            if name == b"origin":
                yield from readable_by(value, self._origins())


def _lines(headers: Headers) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


@lru_cache(PATHS)
def _problem_of(path: str) -> bytes:
    """The problem, up to the id of the request."""
    scope = {"path": path, "request_id": ""}
    return bytes(problem_response(scope, 503, "overloaded", DETAIL, remedy=REMEDY).body).removesuffix(ENDS)
