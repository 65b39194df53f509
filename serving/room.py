"""How much a worker has at work at a time: as little as keeps it busy, so that nothing at work waits long."""

from collections import deque
from statistics import median

LEAST, MOST = 16.0, 512.0  # requests of storefronts
INTERVAL_SECONDS, LATEST = 0.1, 7  # how often the bound changes, by how many of the latest waits
LESS, MORE, CALMER = 0.8, 1.1, 0.95  # what changes it: the worker is late; somebody waits; nobody does


class Room:
    """A bound on what is at work, that follows how long what is at work has to wait for the event loop.

    It falls while the usual wait (the median: a stall is no usual one) is above what is allowed. It rises while
    somebody waits at the door and that wait is below half of it: then what is at work waits for a store, and more of it
    costs nothing. It falls back while nobody waits.

    Args:
        late_seconds: of waiting for the event loop, above which a worker is late.

    Attributes:
        bound: requests of storefronts that may be at work, from LEAST to MOST.
    """

    def __init__(self, late_seconds: float) -> None:
        self._late_seconds = late_seconds
        self._waits, self._changes_at = deque[float](maxlen=LATEST), float("-inf")
        self.bound = LEAST

    def waited(self, seconds: float, now: float, *, somebody_waits: bool) -> None:
        """Take in how long something that was ready had to wait; `now` is in seconds, of any beginning."""
        self._waits.append(seconds)
        if now < self._changes_at:
            return
        self._changes_at = now + INTERVAL_SECONDS
        usual = median(self._waits)
        if usual > self._late_seconds:
            self._times(LESS)
        elif not somebody_waits:
            self._times(CALMER)
        elif usual < self._late_seconds / 2:
            self._times(MORE)

    def _times(self, change: float) -> None:
        self.bound = min(max(self.bound * change, LEAST), MOST)
