"""How much a worker has at work at a time: as little as keeps it busy, so that nothing at work waits long."""

LEAST, MOST = 8.0, 512.0  # requests of storefronts
INTERVAL_SECONDS, LEAST_SAMPLES = 0.1, 2
LESS, MORE, CALMER = 0.8, 1.25, 0.95  # what an interval changes: the worker is late; somebody waits; nobody does


class Room:
    """A bound on what is at work, that follows how long what is at work has to wait for the event loop.

    A worker is late while even the shortest wait of an interval is above what is allowed: then it is no mere stall or
    burst (as in CoDel), and the bound falls. It rises while somebody waits at the door and the worker is not late: what
    is at work waits for a store, and more of it costs nothing. It falls back while nobody waits.

    Args:
        late_seconds: of waiting for the event loop, above which a worker is late.

    Attributes:
        bound: requests of storefronts that may be at work, from LEAST to MOST.

    Source: Nichols & Jacobson, Controlling Queue Delay, ACM Queue 10(5), 2012, for the shortest wait of an interval.
    """

    def __init__(self, late_seconds: float) -> None:
        self._late_seconds = late_seconds
        self.bound = LEAST
        self._shortest, self._n_samples, self._ends = float("inf"), 0, float("-inf")

    def waited(self, seconds: float, now: float, *, somebody_waits: bool) -> None:
        """Take in how long something that was ready had to wait; `now` is in seconds, of any beginning."""
        self._shortest, self._n_samples = min(self._shortest, seconds), self._n_samples + 1
        if now < self._ends or self._n_samples < LEAST_SAMPLES:
            return
        if self._shortest > self._late_seconds:
            change = LESS
        else:
            change = MORE if somebody_waits else CALMER
        self.bound = min(max(self.bound * change, LEAST), MOST)
        self._shortest, self._n_samples, self._ends = float("inf"), 0, now + INTERVAL_SECONDS
