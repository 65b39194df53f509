"""Does without a store that is known to be gone, instead of waiting for it at each call."""

from collections.abc import Callable
from threading import Lock
from time import monotonic

FAILURES, LASTING_SECONDS, PAUSE_SECONDS = 5, 0.2, 0.25


class Breaker:
    """Opens when all calls of some time failed; then one at a time, a pause after the last, tries whether it is back.

    For threads and for the event loop: nothing here waits.

    Args:
        failures: in a row, that open it, if it took them `lasting_seconds`: one hiccup may fail fifty calls at once.
        pause_seconds: from a failure to the next try.
        clock: seconds, of any beginning.
        told: hears whether it is open, each time that it turns; from any thread.

    Attributes:
        is_open: whether the store is taken for gone.
    """

    def __init__(
        self,
        failures: int = FAILURES,
        lasting_seconds: float = LASTING_SECONDS,
        pause_seconds: float = PAUSE_SECONDS,
        clock: Callable[[], float] = monotonic,
        told: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._most, self._lasting, self._pause, self._clock = failures, lasting_seconds, pause_seconds, clock
        self._lock = Lock()
        self._failures, self._first_at, self._try_at = 0, 0.0, 0.0
        self.is_open, self.told = False, told

    def lets_through(self) -> bool:
        """Whether to call; whoever does says what came of it. While it is open, that is one call every pause."""
        if not self.is_open:
            return True
        with self._lock:
            now = self._clock()
            if now < self._try_at:
                return False
            self._try_at = now + self._pause
            return True

    @property
    def is_failing(self) -> bool:
        """Whether the latest call failed."""
        return self._failures > 0

    def failed(self) -> None:
        """The store did not answer."""
        with self._lock:
            now = self._clock()
            if not self._failures:
                self._first_at = now
            self._failures += 1
            self._try_at = now + self._pause
            if self._failures >= self._most and now - self._first_at >= self._lasting:
                self._turn(is_open=True)

    def succeeded(self) -> None:
        """The store answered."""
        if self._failures:
            with self._lock:
                self._failures = 0
                self._turn(is_open=False)

    def _turn(self, *, is_open: bool) -> None:
        if is_open is not self.is_open:
            self.is_open = is_open
            self.told(is_open)
