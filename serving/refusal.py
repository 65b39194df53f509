"""What is answered to a request that there is no time for, made without the application."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from time import perf_counter

from starlette.types import Scope

from serving.cors import readable_by
from serving.envelope import complete, read_headers
from serving.metrics import Metrics
from serving.problem_document import problem_response

RETRY_AFTER_SECONDS = 1
DETAIL = "There is more to do than this worker can do now."
REMEDY = "Send the same request again after as many seconds as Retry-After says; docs/degradation.md says who waits."

Answer = tuple[int, list[tuple[bytes, bytes]], bytes]  # status, headers, body


class Refusal:
    """Makes and counts refusals.

    Args:
        origins: of the pages that may read them.
    """

    def __init__(self, metrics: Metrics, origins: Callable[[], AbstractSet[str]]) -> None:
        self._metrics, self._origins = metrics, origins

    def __call__(self, scope: Scope, came_at: float) -> Answer:
        """The answer to a request whose head was there at `came_at`, in seconds of `perf_counter`."""
        notes, _ = read_headers(scope["headers"])
        scope["request_id"] = notes.request_id
        origin = next((value for name, value in scope["headers"] if name == b"origin"), None)
        scope["added_headers"] = () if origin is None else readable_by(origin, self._origins())
        headers = {"retry-after": str(RETRY_AFTER_SECONDS)}
        response = problem_response(scope, 503, "overloaded", DETAIL, remedy=REMEDY, headers=headers)
        self._metrics.problem_answered("overloaded")
        self._metrics.request_answered(scope["method"], "unmatched", 503, perf_counter() - came_at)
        return response.status_code, complete(response.raw_headers, scope, notes), bytes(response.body)
