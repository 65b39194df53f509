"""Holds off whoever guesses: each wrong guess beyond a few has to wait twice as long as the one before."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from redis.exceptions import RedisError

from features.online.keys import FAILURES_SECONDS
from features.online.limits import SharedLimits, digest_of_caller

LONGEST_HOLD_SECONDS = 900.0
MOST_GUESSERS = 10_000  # that a worker remembers; then those who failed least are forgotten


@dataclass(slots=True)
class _Guesser:
    """Failures so far, how many of them Redis does not know of, and when the last was (seconds of the clock)."""

    failures: int
    unshared: int
    failed_at: float


class Lockout:
    """Counts wrong guesses of one thing by who made them, over all workers.

    Beyond `free` failures, the next guess has to wait a second, then two, four, ... up to a quarter of an hour; an hour
    without a failure forgets them. Without Redis each worker counts by itself.

    Args:
        what: is guessed: "credentials".
        free: failures before the first wait.
        clock: seconds, of any beginning.
    """

    def __init__(
        self,
        shared: SharedLimits,
        secret: Callable[[], bytes],
        what: str,
        *,
        free: int,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._shared, self._secret, self._clock = shared, secret, clock
        self._what, self._free = what, free
        self._guessers: dict[tuple[str, ...], _Guesser] = {}
        self._waiting: set[tuple[str, ...]] = set()

    def held_seconds(self, *who: str) -> float:
        """How long they have to wait before the next guess; 0: they need not."""
        found = self._guessers.get(who)
        if found is None or found.failures <= self._free:
            return 0.0
        return max(0.0, found.failed_at + self._hold(found.failures) - self._clock())

    def failures(self, *who: str) -> int:
        """How often they guessed wrong within the hour, as far as this worker knows."""
        found = self._guessers.get(who)
        return 0 if found is None or found.failed_at + FAILURES_SECONDS < self._clock() else found.failures

    def fail(self, *who: str) -> None:
        """Note a wrong guess; call `share` after it where the other workers must know at once."""
        now, found = self._clock(), self._guessers.get(who)
        if found is None or found.failed_at + FAILURES_SECONDS < now:
            if len(self._guessers) >= MOST_GUESSERS:
                self._forget()
            found = self._guessers[who] = _Guesser(0, 0, 0.0)
        found.failures, found.unshared, found.failed_at = found.failures + 1, found.unshared + 1, now
        self._waiting.add(who)

    async def share(self) -> None:
        """Tell the others of the failures here, and learn of theirs; one round trip.

        Raises:
            RedisError, OSError: Redis is gone; nothing is lost, the next call tells it.
        """
        waiting, self._waiting = self._waiting, set()
        sent = {who: self._guessers[who].unshared for who in waiting if who in self._guessers}
        if not sent:
            return
        secret = self._secret()
        try:
            counted = await self._shared.count({self._digest(secret, who): new for who, new in sent.items()})
        except (RedisError, OSError):
            self._waiting |= waiting
            raise
        for who, failures in zip(sent, counted, strict=True):
            if (found := self._guessers.get(who)) is not None:
                found.unshared -= sent[who]
                found.failures = max(found.failures, failures + found.unshared)

    def _digest(self, secret: bytes, who: tuple[str, ...]) -> str:
        return digest_of_caller(secret, ("failures", self._what, *who))

    def _hold(self, failures: int) -> float:
        return min(2.0 ** min(failures - self._free - 1, 20), LONGEST_HOLD_SECONDS)

    def _forget(self) -> None:
        recent = self._clock() - FAILURES_SECONDS
        worst = sorted(self._guessers.items(), key=lambda entry: entry[1].failures)[len(self._guessers) // 2 :]
        self._guessers = {who: found for who, found in worst if found.failed_at > recent}
