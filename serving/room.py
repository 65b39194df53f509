"""How much a worker takes on at a time: less when what it has taken on has to wait."""

from serving.priorities import Caller

LEAST, MOST = 32.0, 512.0  # requests of storefronts; fewer than the least are never too many
SHARES = {Caller.TILL: 8.0, Caller.APP: 4.0, Caller.STOREFRONT: 1.0, Caller.BATCH: 0.25}  # of bounds and waits
INTERVAL_SECONDS, LEAST_SAMPLES = 0.1, 2
LESS, MORE = 0.8, 1.05  # what an interval changes


class Room:
    """Bounds what is under way, and how old a request may be when it begins, so that none waits long.

    A worker is late while even the shortest wait of an interval is above the target: then requests queue, and it is no
    mere stall or burst (as in CoDel). While it is late, the bound on what is under way falls, and who has waited for
    longer than the target is refused. Each kind of caller has a share of both: so the least pressing meet them first,
    and those who wait for the database take no room from those who do not.

    Args:
        target_seconds: of waiting for the event loop.

    Source: Nichols & Jacobson, Controlling Queue Delay, ACM Queue 10(5), 2012, for the shortest wait of an interval.
    """

    def __init__(self, target_seconds: float) -> None:
        self._target = target_seconds
        self._bound, self._is_late = MOST, False
        self._shortest, self._n_samples, self._peak, self._ends = float("inf"), 0, 0, float("-inf")

    def allows(self, caller: Caller, under_way: int, age_seconds: float, n_before: int) -> bool:
        """Whether one more of a kind may begin while so many of it are under way.

        Args:
            age_seconds: how long ago it came.
            n_before: requests of all kinds that had come before it and were not answered then.
        """
        share = SHARES[caller]
        self._peak = max(self._peak, int(under_way / share) + 1)
        if self._is_late and n_before >= LEAST * share and age_seconds > self._target * share:
            return False
        return under_way < self._bound * share

    def waited(self, seconds: float, now: float) -> None:
        """Take in how long something that was ready had to wait; `now` is in seconds, of any beginning."""
        self._shortest, self._n_samples = min(self._shortest, seconds), self._n_samples + 1
        if now < self._ends or self._n_samples < LEAST_SAMPLES:
            return
        self._is_late = self._shortest > self._target
        if self._is_late:
            # From what there was: a bound far above it would take seconds to fall so low that it bounds anything.
            self._bound = max(LEAST, min(self._bound, self._peak) * LESS)
        else:
            self._bound = min(MOST, self._bound * MORE)
        self._shortest, self._n_samples, self._peak, self._ends = float("inf"), 0, 0, now + INTERVAL_SECONDS
