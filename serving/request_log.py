"""One line of log for each request that was slow, or that its caller traces; so many a minute at most."""

import logging
from time import monotonic

from serving.request_notes import RequestNotes

MOST_A_MINUTE = 60  # lines of each kind and worker
log = logging.getLogger(__name__)


class _Allowance:
    """So many a minute; what is beyond is counted."""

    def __init__(self) -> None:
        self._left, self._until, self.passed_over = 0, 0.0, 0

    def take(self) -> bool:
        """Whether one more may be written now."""
        now = monotonic()
        if now >= self._until:
            self._left, self._until = MOST_A_MINUTE, now + 60.0
        if self._left == 0:
            self.passed_over += 1
            return False
        self._left -= 1
        return True


class RequestLog:
    """Writes down how a request went; `slow_seconds`: from when on it is slow."""

    def __init__(self, slow_seconds: float) -> None:
        self._slow_seconds = slow_seconds
        self._slow, self._traced = _Allowance(), _Allowance()

    def ended(self, notes: RequestNotes, method: str, route: str, status: int, seconds: float) -> None:
        """A request has been answered; `route` is the template of its path, which names nobody."""
        if seconds >= self._slow_seconds:
            self._write(logging.WARNING, "slow request", self._slow, notes, method, route, status, seconds)
        elif notes.sampled:
            self._write(logging.INFO, "traced request", self._traced, notes, method, route, status, seconds)

    def _write(
        self, level: int, message: str, allowance: _Allowance, notes: RequestNotes, method: str, route: str,
        status: int, seconds: float,
    ) -> None:  # fmt: skip
        if not allowance.take():
            return
        stages = {stage: round(1000 * duration, 3) for stage, duration in notes.stages.items()}
        facts = {
            "http.request.method": method, "http.route": route, "http.response.status_code": status,
            "duration_ms": round(1000 * seconds, 3), "stages_ms": stages, "reasons": list(notes.reasons),
            "passed_over": allowance.passed_over,
        }  # fmt: skip
        allowance.passed_over = 0
        log.log(level, message, extra={"facts": facts})
